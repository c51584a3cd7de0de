"""Wrong arguments and files, found before anything else runs."""


class Mistake(Exception):  # noqa: N818
    """A mistake in the arguments or files of a command; its text says what to do, and holds no key."""
