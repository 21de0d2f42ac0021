"""`sscodec play`: a stream through the loudspeaker, by whatever player there is."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import click

from sscodec.cli.options import network_options, note, quiet_option
from sscodec.cli.outputs import part_options
from sscodec.errors import DamagedError, OutputError
from sscodec.pipes import input_name

PLAYERS = {
    "ffplay": ("-v", "error", "-nodisp", "-autoexit", "-i", "-"),
    "aplay": ("-q", "-"),
    "paplay": ("--file-format=wav", "/dev/stdin"),
    "play": ("-q", "-t", "wav", "-"),
}
"""Programs that play WAV from a pipe, in the order in which they are looked for, with their arguments."""
SOUNDDEVICE = "sounddevice"


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@part_options
@click.option("--n-q", type=int, metavar="N", help="Use the first N codebooks only.")
@click.option(
    "--player",
    type=click.Choice([*PLAYERS, SOUNDDEVICE]),
    help="What plays.  [default: the first of these that is there]",
)
@network_options
@quiet_option
def play(source: str, player: str | None, quiet: bool, **options: Any) -> None:
    """Play the stream IN while it is decoded. IN "-" is standard input.

    Damaged parts are concealed, and the exit code is 4. Ctrl-C stops.
    """
    from sscodec.files import decode_file
    from sscodec.inputs import check_stream_input

    check_stream_input(source)
    player = player or find_player()
    with _device() if player == SOUNDDEVICE else _program(player) as speaker:
        report = decode_file(source, speaker, **options)
    for line in report.damage:
        note(line, quiet)
    if report.error or report.damage:
        raise DamagedError(report.error or f"{input_name(source)}: damaged; what was lost was concealed")


def find_player() -> str:
    """The first that is there. Raises OutputError."""
    found = next((name for name in PLAYERS if shutil.which(name)), None)
    if found is None and importlib.util.find_spec(SOUNDDEVICE):
        found = SOUNDDEVICE
    if found is None:
        raise OutputError(
            "there is no player: install ffmpeg (ffplay), alsa-utils (aplay) or `pip install sounddevice`; "
            "or decode to a pipe: sscodec decode IN - | PLAYER"
        )
    return found


@contextmanager
def _program(name: str) -> Iterator[BinaryIO]:
    """What a player reads; it has played all when the block ends. Raises OutputError where it fails."""
    import subprocess

    try:
        running = subprocess.Popen([name, *PLAYERS[name]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    except OSError as error:
        raise OutputError(f"{name}: cannot be started ({error.strerror or error})") from None
    assert running.stdin is not None
    try:
        yield cast(BinaryIO, running.stdin)
        running.stdin.close()
        code = running.wait()
    except OutputError:
        code = running.wait()
        if not code:  # its window was closed
            click.get_current_context().exit()
    except BaseException:  # also KeyboardInterrupt: it is to fall silent
        running.kill()
        with contextlib.suppress(OSError):
            running.stdin.close()
        running.wait()
        raise
    if code:
        raise OutputError(f"{name}: failed with exit code {code}; another player is --player NAME")


@contextmanager
def _device() -> Iterator[BinaryIO]:
    """What python-sounddevice plays. Raises OutputError where there is no device."""
    import sounddevice

    device = _Device()
    try:
        yield cast(BinaryIO, device)
        device.finish()
    except sounddevice.PortAudioError as error:
        raise OutputError(f"sounddevice: cannot play ({error})") from None


class _Device:
    """A file that plays the 16-bit WAV that is written to it, whose header comes first and in one piece."""

    def __init__(self) -> None:
        self._stream: Any = None

    def write(self, data: bytes) -> int:
        if self._stream is None:
            import sounddevice

            from sscodec.audio import wav

            format_, _ = wav.read_header(io.BytesIO(data))
            assert format_ is not None
            self._stream = sounddevice.RawOutputStream(
                format_.sample_rate, 0, None, format_.channels, "int16"
            )
            self._stream.start()
        else:
            self._stream.write(data)
        return len(data)

    def flush(self) -> None:
        pass

    def finish(self) -> None:
        if self._stream is not None:
            self._stream.stop()
            self._stream.close()
