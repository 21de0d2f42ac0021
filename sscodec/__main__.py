"""The command `sscodec`, also as `python -m sscodec`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit; also a Ctrl-C that comes while it is being loaded is one line."""
    try:
        from sscodec.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("sscodec: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
