"""Whole histories of accounts and daily syncs, made from a seed, with faults of every kind.

`python -m integration_tests.simulator --histories 100`; CONTRIBUTING.md says how it works.
"""
