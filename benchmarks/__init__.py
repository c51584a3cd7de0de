"""Measures the calls, seconds, CPU and memory of a sync, and compares them with other tools on the same work."""
