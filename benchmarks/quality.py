"""Quality beside other codecs, by `sscodec eval`, into its marked section of docs/benchmarks.md.

usage: python benchmarks/quality.py FILES|DIR... [options of sscodec eval]

Four of its curves over the bitrate go into docs/rates. The report with all the rest, such as the listening
page, is left in build/quality. A second run takes up what the first has coded and measured.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from timing import DOCUMENT, put_section

PICTURES = DOCUMENT.parent / "rates"
CURVES = "speech-visqol_s.png", "speech-pesq.png", "music-visqol_a.png", "music-mel.png"
REPORT = Path("build/quality")


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or any(argument in ("-o", "--output") for argument in arguments):
        sys.exit(__doc__)
    REPORT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sscodec", "eval", *arguments, "--output", str(REPORT)]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)
    tables = (REPORT / "summary.md").read_text()
    put_section("quality", f"python benchmarks/quality.py {shlex.join(arguments)}", tables)
    PICTURES.mkdir(exist_ok=True)
    for name in CURVES:
        if (REPORT / "plots" / name).exists():
            shutil.copy(REPORT / "plots" / name, PICTURES)
    print(f"written into {DOCUMENT}")


if __name__ == "__main__":
    main()
