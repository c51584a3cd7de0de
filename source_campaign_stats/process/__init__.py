"""The process that the command line starts."""
