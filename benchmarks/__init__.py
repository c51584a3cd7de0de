"""Measures what a sync costs: calls, seconds, CPU and memory, beside other tools on the same work."""
