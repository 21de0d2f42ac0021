"""The names of the entropy coders, for those who show or choose one; the coders are in `sscodec.entropy`."""

from typing import Literal, get_args

CoderName = Literal["raw", "static", "context"]
CODER_NAMES: tuple[CoderName, ...] = get_args(CoderName)
"""The coder of each id that a header stores: 0, 1 and 2."""
