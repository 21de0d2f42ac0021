"""Fuzz guided by coverage: `pip install atheris && python fuzz/guided.py streams fuzz/corpus`.

The first argument names a function of `targets.py`; the rest goes to libFuzzer (`-max_total_time=600`, ...),
which adds what it finds to the first folder that is named.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sscodec"]):
    import targets


def main() -> None:
    target = targets.ALL[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
