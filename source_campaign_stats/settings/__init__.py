"""What a person typed: cleaned, completed, and refused in words."""
