"""The folder of the models that were added, the user's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sscodec.errors import ModelError

HOME_VARIABLE = "SSCODEC_MODELS"
"""Environment variable that names another one."""


def home() -> Path:
    """The folder of added models, which may not be there yet: the user's, or that of SSCODEC_MODELS."""
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE])
    from platformdirs import user_data_path

    return user_data_path("sscodec") / "models"


@contextmanager
def workplace() -> Iterator[Path]:
    """A hidden folder among the added models, for what is not whole; it is deleted in the end.

    Raises ModelError where nothing can be written.
    """
    try:
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=home()) as folder:
            yield Path(folder)
    except OSError as error:
        raise ModelError(f"{error.filename or home()}: cannot write ({error.strerror or error})") from None
