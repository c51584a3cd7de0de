"""Whole histories of accounts and daily syncs, made from a seed, in which everything goes wrong that can.

`python -m integration_tests.simulator --histories 100`; CONTRIBUTING.md says how it works.
"""
