"""Disks, files and processes that fail: with the real thing."""

import contextlib
import json
import os
import random
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sscodec.audio.wav import header
from sscodec.container import read_streams

COMMAND = [sys.executable, "-m", "sscodec"]
AWKWARD = [
    "with space",
    "new\nline",
    "-dash",
    "語" * 80,
    os.fsdecode(b"not \xff utf-8"),
    "%s {0} 'quote\" \\",
]


OLD = {".ssc": b"\x93SSC, and more", ".wav": b"old", ".flac": b"old", ".raw": b"old"}
"""What --force replaces."""


@contextlib.contextmanager
def largest_file(size):
    """Writing beyond `size` bytes of any file fails, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def names():
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "room"),
    [
        (["encode", "in.wav", "out.ssc"], 0),
        (["encode", "in.wav", "out.ssc"], 1000),
        (["encode", "in.wav", "out.ssc"], 1980),  # the end marker does not fit
        (["decode", "in.ssc", "out.wav"], 10_000),
        (["decode", "in.ssc", "out.flac"], 10_000),
        (["decode", "--raw", "f32le", "in.ssc", "out.raw"], 10_000),
        (["repair", "in.ssc", "out.ssc"], 1000),
    ],
)
@pytest.mark.parametrize("existing", [False, True])
def test_a_disk_that_is_full(run, stream, arguments, room, existing):
    assert stream.stat().st_size > 1980
    target = Path(arguments[-1])
    if existing:
        target.write_bytes(OLD[target.suffix])
        arguments = [*arguments, "--force"]
    before = names()
    with largest_file(room):
        result = run(*arguments, code=6)
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(f"sscodec: {target}: cannot write (")
    assert names() == before
    if existing:
        assert target.read_bytes() == OLD[target.suffix]


def test_a_folder_that_cannot_be_written(run, stream):
    Path("closed").mkdir()
    Path("closed").chmod(0o555)
    Path().chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root and not all(os.access(folder, os.X_OK) for folder in Path("closed").resolve().parents):
        pytest.skip("the folder of the test is root's alone")
    with contextlib.ExitStack() as stack:
        if is_root:  # whom no folder is closed to
            modes = {folder: folder.stat().st_mode for folder in Path().resolve().parents}
            for folder, mode in modes.items():
                if folder.stat().st_uid == 0 and not mode & 1:
                    folder.chmod(mode | 1)
                    stack.callback(folder.chmod, mode)
            os.seteuid(65534)
            stack.callback(os.seteuid, 0)
        assert "cannot write (Permission denied)" in run("repair", stream, "closed/out.ssc", code=6).stderr
        assert "cannot write (Permission denied)" in run("decode", stream, "closed/out.wav", code=6).stderr
    assert not list(Path("closed").iterdir())


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names(run, recording, name):
    sound_name, stream_name, repaired_name, back = (
        f"./{name}{end}" for end in (".wav", ".ssc", ".r.ssc", "b.wav")
    )
    recording.rename(sound_name)
    run("encode", "--json", sound_name)
    run("info", stream_name)
    run("info", "--json", stream_name)
    run("verify", stream_name)
    run("repair", "--json", stream_name, repaired_name)
    run("decode", "--json", repaired_name, back)
    assert soundfile.info(os.fsencode(back)).frames == 110250
    Path(stream_name).write_bytes(Path(stream_name).read_bytes()[:-1])
    for arguments in (["verify", stream_name], ["decode", stream_name, back, "-f"]):
        assert all(line.startswith("sscodec: ") for line in run(*arguments, code=4).stderr.splitlines())
    assert len(run("decode", stream_name, back, code=6).stderr.splitlines()) == 1
    assert len(run("encode", f"./no {name}", "a.ssc", code=3).stderr.splitlines()) == 1


def test_awkward_names_in_a_process_of_their_own(stream):
    stream.rename(os.fsdecode(b"a\xff\n.ssc"))
    for command in (["verify"], ["info"], ["info", "--json"]):
        done = subprocess.run(
            [*COMMAND, *command, b"a\xff\n.ssc"],
            env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},  # as in most languages' locales
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["encode", "decode", "repair", "info", "verify"])
def test_folders_and_empty_files(run, command):
    Path("folder").mkdir()
    Path("empty").touch()
    end = ".wav" if command == "decode" else ".ssc"
    out = [] if command in ("info", "verify") else ["out" + end]
    for name, code in [("folder", (2, 3)), ("empty", (3,))]:
        codes = []
        for expected in code:
            with contextlib.suppress(AssertionError):
                run(command, name, *out, code=expected)
                codes.append(expected)
        assert len(codes) == 1, f"{command} {name}"
    if out:
        Path("folder" + end).mkdir()
        Path("a").write_bytes(b"")
        run(command, "a", "folder" + end, code=6)
    assert names() == sorted(["empty", "folder", *(["a", "folder" + end] if out else [])])


def test_the_output_is_never_the_input(run, recording, stream):
    before = {path: path.read_bytes() for path in (recording, stream)}
    Path("hard.wav").hardlink_to(recording)
    Path("soft.wav").symlink_to(stream)
    for arguments in (
        ["encode", recording, recording],
        ["encode", recording, "hard.wav"],
        ["decode", stream, "soft.wav"],
        ["repair", stream, stream],
    ):
        assert "is the input" in run(*arguments, "--force", code=6).stderr
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize(
    "line",
    [
        "encode - in.wav --force < in.wav",
        "transcode - in.ssc --n-q 2 --force < in.ssc",
        "transcode in.ssc - >> in.ssc",
        "repair in.ssc - >> in.ssc",
    ],
)
def test_a_redirected_output_is_never_the_input(recording, stream, line):
    before = {path: path.read_bytes() for path in (recording, stream)}
    done = shell(line)
    assert done.returncode == 6 and b"is the input; choose another output" in done.stderr
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("encode - x.ssc <&-", 3, "standard input: cannot open it (it is closed)"),
        ("decode - x.wav <&-", 3, "standard input: cannot open it (it is closed)"),
        ("verify - <&-", 3, "-: cannot open it (it is closed)"),
        ("encode --files-from - -o x <&-", 3, "-: cannot read it (it is closed)"),
        ("encode in.wav - >&-", 6, "standard output: cannot write (it is closed)"),
        ("encode in.wav x.ssc >&-", 0, ""),
        ("info in.ssc >&-", 0, ""),
        ("info nosuch.ssc >&-", 3, "nosuch.ssc: cannot open it (No such file or directory)"),
    ],
)
def test_closed_descriptors(stream, line, code, message):
    done = shell(line)
    assert done.returncode == code
    assert done.stderr.decode() == (f"sscodec: {message}\n" if message else "")
    assert Path("x.ssc").exists() == (line == "encode in.wav x.ssc >&-")


def test_process_substitution(run, stream):
    done = shell("decode <(cat in.ssc) >(cat > out.wav)")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: Path("out.wav").exists() and Path("out.wav").stat().st_size > 44)
    done = shell("encode <(cat in.wav) | cmp - in.ssc")
    assert done.returncode == 0, done.stdout + done.stderr
    done = shell("encode in.wav /dev/stdout | cmp - in.ssc")
    assert done.returncode == 0, done.stdout + done.stderr
    assert names() == ["in.ssc", "in.wav", "out.wav"]


def shell(line):
    """Run the command with these words of bash; the status is that of the command itself."""
    text = f"{shlex.join(COMMAND)} {line}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", text], capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "in.ssc", "--format", "a/b"], "--format must be a suffix such as flac, not 'a/b'"),
        (["decode", "in.ssc", "--format", "."], "--format must be a suffix such as flac, not '.'"),
        (["encode", "in.wav", "x.ssc", "--threads", "99999999999"], "threads must be 1 to 1024"),
        (["encode", "in.wav", "x.ssc", "--packet-ms", "60000"], "at most 54613, not 60000"),
        (["encode", "in.wav", "-o", ""], "--output is empty"),
    ],
)
def test_values_that_cannot_be(run, stream, arguments, message):
    assert message in run(*arguments, code=2).stderr
    assert names() == ["in.ssc", "in.wav"]


def test_a_list_that_find_made(run, recording):
    for listed, hint in [
        (b"in.wav\0", "end with NUL; give --null, too"),
        (b"../in.wav\n", "has no place in the output folder"),
    ]:
        assert hint in run("encode", "--files-from", "-", "-o", "out", stdin=listed, code=2).stderr
    assert names() == ["in.wav"]


def test_names_in_messages_are_escaped(run):
    name = "n\nl\x1b[31m"
    Path(name).write_text("this is no sound")
    for command in (["encode", name], ["decode", name], ["encode", name, "-o", "out"]):
        error = run(*command, code=3).stderr
        assert error.startswith("sscodec: n\\nl\\x1b[31m: not a"), error


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_an_input_that_is_deleted_and_one_that_grows_while_it_is_read(run, stream, sound):
    """A stream that is still written: what is there is decoded, and what is missing is told."""
    data = stream.read_bytes()
    growing = Path("growing.ssc")
    for there, more in [(data[:1000], b""), (data, data)]:
        growing.write_bytes(there)
        with growing.open("rb") as file, growing.open("ab") as writer:
            streams = read_streams(file)
            first = next(streams)
            assert next(first).frames == 75
            growing.unlink()
            writer.write(more)
            writer.flush()
            rest = list(first)
            assert first.truncated == (not more) and [item.frames for item in rest][-1] == (
                38 if more else None
            )
            assert sum(1 for _ in streams) == (1 if more else 0)
    # As a process sees it: a named pipe stands for a file that another process still writes.
    os.mkfifo("fifo.ssc")
    with subprocess.Popen([*COMMAND, "repair", "fifo.ssc", "out.ssc"], stderr=subprocess.PIPE) as running:
        with Path("fifo.ssc").open("wb", buffering=0) as file:
            file.write(data[:1000])
            Path("fifo.ssc").unlink()
            file.write(data[1000:])
        assert running.wait(60) == 0
    assert Path("out.ssc").read_bytes() == data


def test_a_recording_that_is_cut_while_it_is_read(run, sound):
    """There are fewer samples than the header told: they are coded, and the length is what there was."""
    soundfile.write("in.wav", sound(3.0, rate=24000), 24000)
    os.truncate("in.wav", 44 + 2 * 40_000)
    told = "sscodec: in.wav: is cut off: 1.333 s that its header announces are not there"
    result = run("encode", "in.wav", "--json")
    assert result.stderr.splitlines() == [told]
    assert json.loads(result.stdout)["missing_seconds"] == pytest.approx(32_000 / 24_000)
    assert told in run("encode", "in.wav", "-o", "out").stderr
    piped = run("encode", "-", "piped.ssc", stdin=Path("in.wav").read_bytes())
    assert piped.stderr == told.replace("in.wav", "standard input") + "\n"
    run("decode", "in.ssc", "out.wav")
    assert soundfile.info("out.wav").frames == 40_000


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(stream, seed):
    """SIGKILL leaves a hidden part at most: under its name a file is whole or what it was before."""
    data = stream.read_bytes()
    chance = random.Random(seed)
    os.mkfifo("fifo")
    Path("old.ssc").write_bytes(OLD[".ssc"])
    command = [*COMMAND, "repair", "fifo", "old.ssc", "--force"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        with contextlib.suppress(BrokenPipeError), Path("fifo").open("wb", buffering=0) as file:
            cut = chance.randrange(len(data))
            file.write(data[:cut])
            time.sleep(chance.random() * 0.05)
            if seed % 2:
                file.write(data[cut:])
                file.close()
            running.send_signal(signal.SIGKILL)
        running.wait(60)
    assert Path("old.ssc").read_bytes() in (OLD[".ssc"], data)
    hidden = [name for name in names() if name.startswith(".old.ssc.")]
    assert set(names()) - set(hidden) == {"fifo", "in.ssc", "in.wav", "old.ssc"}
    assert len(hidden) <= 1


def test_an_encoder_that_is_killed(tmp_path):
    with subprocess.Popen([*COMMAND, "encode", "-", "out.ssc"], stdin=subprocess.PIPE) as running:
        running.stdin.write(header(24000, 1, "PCM_16", None) + bytes(200_000))
        running.stdin.flush()
        wait_for(lambda: any(path.stat().st_size > 900 for path in tmp_path.iterdir()))
        running.kill()
        running.wait(60)
        with contextlib.suppress(BrokenPipeError):
            running.stdin.close()
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".out.ssc.") and part.name.endswith(".part")
    # What was written before is not lost either.
    with part.open("rb") as file:
        assert next(iter(next(read_streams(file)))).frames == 75


@pytest.mark.parametrize("where", ["in.ssc", "-"])
def test_a_length_out_of_all_proportion_is_not_believed(run, stream, where):
    """2^62 samples promised by a header with a true checksum."""
    import zlib

    data = bytearray(stream.read_bytes())
    size = int.from_bytes(data[5:7], "little")
    data[29:37] = (2**62).to_bytes(8, "little")
    data[size - 4 : size] = zlib.crc32(data[: size - 4]).to_bytes(4, "little")
    stream.write_bytes(data[:size])  # its packets and its copy are another's now
    for out in ("out.wav", "-"):
        result = run("decode", where, out, "--subtype", "FLOAT", code=4, stdin=bytes(data[:size]))
        assert len(result.stdout_bytes) < 100
    assert soundfile.info("out.wav").frames == 0


@pytest.mark.skipif("SSCODEC_SLOW_TESTS" not in os.environ, reason="writes 4.4 GB, and takes minutes")
@pytest.mark.parametrize("format_", ["RF64", "W64"])
def test_files_beyond_4_gb(run, format_):
    rate, channels, seconds = 768_000, 8, 180
    frames = rate * seconds
    soundfile.write("in.big", np.zeros((1, channels), np.float32), rate, format=format_, subtype="FLOAT")
    data = bytearray(Path("in.big").read_bytes())
    sound = frames * channels * 4
    start = len(data) - channels * 4
    if format_ == "RF64":
        place = data.index(b"ds64")
        data[place + 8 : place + 32] = b"".join(
            number.to_bytes(8, "little") for number in (start - 8 + sound, sound, frames)
        )
    else:
        data[16:24] = (start + sound).to_bytes(8, "little")
        place = data.index(b"data\xf3\xac\xd3\x11")
        data[place + 16 : place + 24] = (24 + sound).to_bytes(8, "little")
    Path("in.big").write_bytes(data)
    os.truncate("in.big", start + sound)  # a hole: silence that takes no room
    assert Path("in.big").stat().st_size > 2**32
    run("encode", "in.big", "out.ssc", "--n-q", "1")
    run("decode", "out.ssc", "out.wav", "--subtype", "FLOAT")
    with Path("out.wav").open("rb") as file:
        assert file.read(4) == b"RF64"
    info = soundfile.info("out.wav")
    assert (info.frames, info.channels, info.samplerate) == (frames, channels, rate)
    Path("out.wav").unlink()
