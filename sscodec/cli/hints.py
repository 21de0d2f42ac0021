"""What people type who know other programs, and what it is called here."""

from __future__ import annotations

import click

from sscodec.pipes import is_file

_RATE = "the quality is the bitrate: -b KBPS (see `sscodec models` for the range)"
_CUT = "encode takes all of IN; cut it first: ffmpeg -ss 10 -t 5 -i IN -f wav - | sscodec encode - OUT"
_PART = "a part is --start SECONDS and --end SECONDS"
_OPTIONS = {
    ("--quality", "--qscale", "--crf", "--vbr", "--cbr", "--abr", "-Q"): _RATE,
    (
        "--lossless",
        "--best",
        "--fast",
        "--level",
        "--compression",
        "--complexity",
    ): f"there are no levels; {_RATE}",
    ("--bitrate-kbps", "--kbit", "--bit-rate", "-b:a", "--rate-kbps"): "the bitrate is -b KBPS",
    ("--codebooks", "--num-quantizers", "--quantizers", "--nq"): "codebooks are --n-q N",
    ("--codec", "--network", "--weights", "--checkpoint", "-c:a", "-m"): "the model is --model ID|FOLDER",
    ("--cuda", "--gpu", "--cpu", "--mps"): "the device is --device, as in --device cuda",
    ("--workers", "--num-workers", "--parallel", "--processes"): "files at a time are -j N",
    ("--input", "--in", "-i", "--infile"): "the input has no option: name it",
    ("--out", "--outfile", "--output-file"): "the output is -o FILE",
    (
        "--outdir",
        "--out-dir",
        "--output-folder",
        "--output-directory",
    ): "the folder of the outputs is -d FOLDER",
    ("--stdout", "-c"): 'name "-" as the output',
    ("--stdin",): 'name "-" as the input',
    ("--overwrite-output", "--replace", "--clobber"): "an output is replaced with -f, --force",
    ("--silent", "--no-progress", "--loglevel"): "silence is -q, --quiet",
    (
        "--bits",
        "--bit-depth",
        "--sample-format",
        "--depth",
    ): "the sample format is decode --subtype, as in --subtype PCM_24",
    ("--metadata", "--title", "--artist", "--comment"): "text is --tag KEY=VALUE",
    ("--stereo", "--downmix"): "channels are kept, or mixed to one with --mono",
    (
        "--sample-rate",
        "--samplerate",
        "-ar",
        "--sr",
        "--resample",
    ): "the rate of what is decoded is decode --rate HZ",
    ("--denoiser", "--noise", "--clean"): "noise is removed with encode --denoise",
}
_PARTS = ("--start", "--end", "--from", "--to", "--offset", "--duration", "--seek", "-ss", "-t", "-to")
_COMMANDS = {
    ("compress", "enc", "pack"): "encode",
    ("decompress", "dec", "unpack", "extract"): "decode",
    ("convert", "reencode", "recode"): "transcode",
    ("check", "test", "validate"): "verify",
    ("fix", "mend", "recover"): "repair",
    ("show", "probe", "inspect", "stat"): "info",
    ("list", "model"): "models",
    ("evaluate", "compare", "measure", "bench"): "eval",
    ("listen",): "play",
    ("plot", "view"): "spectrogram",
    ("onnx",): "export onnx",
    ("version",): "--version",
}


def option_hint(command: str | None, option: str) -> str | None:
    """What an option that does not exist was probably meant to be."""
    if option in _PARTS:
        return _PART if command in ("decode", "play") else _CUT if command == "encode" else None
    return next((hint for names, hint in _OPTIONS.items() if option in names), None)


def command_hint(name: str) -> str | None:
    """What a command that does not exist was probably meant to be."""
    if is_file(name):
        verb = "decode" if name.lower().endswith(".ssc") else "encode"
        return f"name a command before the file: sscodec {verb} {name}"
    found = next((command for names, command in _COMMANDS.items() if name in names), None)
    return f"Did you mean `sscodec {found}`?" if found else None


def explain(error: click.ClickException) -> str:
    """The message of one of click's errors, with the hint for what is not there."""
    if isinstance(error, click.NoSuchOption):
        command = error.ctx.info_name if error.ctx else None
        if hint := option_hint(command, error.option_name):
            return f"No such option: {error.option_name}; {hint}."
    return " ".join(error.format_message().split())
