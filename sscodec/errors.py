"""What can go wrong, each with the exit code that the command line returns for it.

Every message is one line that says what is wrong and what to do about it.
"""


class SscodecError(Exception):
    """Base of all errors that sscodec raises on purpose."""

    exit_code = 1


class UsageError(SscodecError, ValueError):
    """An argument is out of range or arguments contradict each other."""

    exit_code = 2


class InputError(SscodecError):
    """The input cannot be read as audio (or as a stream), or holds values that cannot be coded."""

    exit_code = 3


class DamagedError(SscodecError):
    """A stream is damaged or truncated."""

    exit_code = 4


class ModelError(SscodecError):
    """A model is missing, or is not the one that a stream needs."""

    exit_code = 5


class OutputError(SscodecError):
    """The output cannot be written, or exists already."""

    exit_code = 6
