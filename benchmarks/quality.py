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

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
PICTURES = DOCUMENT.parent / "rates"
CURVES = "speech-visqol_s.png", "speech-pesq.png", "music-visqol_a.png", "music-mel.png"
REPORT = Path("build/quality")
BEGIN, END = "<!-- quality: begin -->", "<!-- quality: end -->"


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or any(argument in ("-o", "--output") for argument in arguments):
        sys.exit(__doc__)
    REPORT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sscodec", "eval", *arguments, "--output", str(REPORT)]
    if code := subprocess.run(command, check=False).returncode:
        sys.exit(code)
    tables = (REPORT / "summary.md").read_text()
    how = f"```sh\npython benchmarks/quality.py {shlex.join(arguments)}\n```"
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{how}\n\n{tables}\n{END}{after}")
    PICTURES.mkdir(exist_ok=True)
    for name in CURVES:
        if (REPORT / "plots" / name).exists():
            shutil.copy(REPORT / "plots" / name, PICTURES)
    print(f"written into {DOCUMENT}")


if __name__ == "__main__":
    main()
