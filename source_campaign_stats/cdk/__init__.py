"""The one door to airbyte-cdk's private parts: see `door.py`."""
