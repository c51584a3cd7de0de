"""What leaves the process: errors in words, no secrets, records as lines."""
