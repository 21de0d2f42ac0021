"""The command as a whole: help, models, and what only a process of its own can show."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import sscodec
from sscodec import models
from sscodec.audio.wav import header

COMMAND = [sys.executable, "-m", "sscodec"]


def process(*args, **options):
    return subprocess.run([*COMMAND, *args], capture_output=True, timeout=60, check=False, **options)


def test_help_and_version(run):
    first, others = run("--version").stdout.splitlines()
    assert first == f"sscodec {sscodec.__version__}"
    assert [part.split()[0] for part in others.split(", ")] == ["torch", "numpy", "libsndfile", "Python"]
    for arguments in ([], ["--help"], ["-h"]):
        text = run(*arguments).stdout
        for name in ("encode", "decode", "info", "models"):
            assert name in text
    for name in ("encode", "decode", "info", "models"):
        assert "--json" in run(name, "--help").stdout
    assert "No such command 'nosuch'" in run("nosuch", code=2).stderr


def test_models(run, model_folder, other_model_folder, monkeypatch):
    monkeypatch.setattr(models, "_roots", lambda: [other_model_folder.parent])
    assert [row["id"] for row in json.loads(run("models", "--json").stdout)] == ["tiny", "other"]
    monkeypatch.setattr(models, "_roots", lambda: [model_folder.parent])
    (row,) = json.loads(run("models", "--json").stdout)
    model = models.open_folder(model_folder)
    assert (row["id"], row["sample_rate"], row["licence"]) == ("tiny", 24000, "MIT")
    assert (row["parameters"], row["hash"], row["sha256"]) == (
        model.parameters,
        model.stream_hash.hex(),
        model.sha256,
    )
    assert row["entropy_hash"] is None and row["read_hashes"] == []
    assert "also reads" not in run("models").stdout
    assert "  entropy model none: raw codes only\n" in run("models").stdout
    assert row["kbps"] == [0.75, 1.5, 2.25, 3.0, 3.75, 4.5, 5.25, 6.0]
    assert f"0.75 to 6 kbps in steps of 0.75\n  {model.parameters:,} parameters" in run("models").stdout
    assert row["denoise"] == "encode" and "  removes noise: encode --denoise\n" in run("models").stdout
    config = model_folder / "config.toml"
    text = config.read_text()
    try:
        config.write_text(text.replace("reads = []", f"reads = ['{'0f' * 32}']"))
        assert "  also reads the streams of 0f0f0f0f0f0f0f0f\n" in run("models").stdout
    finally:
        config.write_text(text)
    monkeypatch.delenv("SSCODEC_MODEL")
    monkeypatch.setattr(models, "_roots", lambda: [])
    assert "no model is installed" in run("models").stderr


def test_models_that_remove_no_noise(run, plain_model_folder, decoding_model_folder, tmp_path, monkeypatch):
    import shutil

    from safetensors.numpy import load_file, save_file

    untrained = shutil.copytree(decoding_model_folder, tmp_path / "models" / "late")
    weights = load_file(untrained / "weights.safetensors")
    weights["film.gamma"][1] = weights["film.gamma"][0]
    save_file(weights, untrained / "weights.safetensors")
    for folder, side in [(plain_model_folder, None), (decoding_model_folder, "decode"), (untrained, None)]:
        monkeypatch.setenv("SSCODEC_MODEL", str(folder))
        row = json.loads(run("models", "--json").stdout)[0]
        assert (row["id"], row["denoise"]) == (folder.name, side)
    monkeypatch.setattr(models, "_roots", lambda: [])
    assert "removes noise" not in run("models").stdout


@pytest.mark.parametrize(
    "arguments", ["[]", "['--help']", "['--version']", "['info', 'in.ssc']", "['models']"]
)
def test_torch_is_not_imported_where_it_is_not_needed(stream, arguments):
    program = f"""
import sys
import sscodec.cli
try:
    sscodec.cli.cli.main({arguments})
finally:
    assert "torch" not in sys.modules
    if {arguments} != ["--version"]:  # which asks for libsndfile's
        assert "soundfile" not in sys.modules
    if {arguments} != ["models"]:  # which reads entropy models
        assert "constriction" not in sys.modules
        assert "safetensors" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_the_python_interface_is_lazy():
    program = """
import sys
import sscodec
assert "numpy" not in sys.modules
sscodec.open
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
    with pytest.raises(AttributeError, match="nosuch"):
        _ = sscodec.nosuch


def test_a_shell_pipeline(run, stream):
    line = "cat in.wav | {0} encode - | {0} decode - > out.wav"
    subprocess.run(line.format(" ".join(COMMAND)), shell=True, timeout=60, check=True)
    run("decode", stream, "same.wav")
    assert Path("out.wav").read_bytes() == Path("same.wav").read_bytes()
    assert soundfile.info("out.wav").frames == 110250


@pytest.mark.parametrize(
    ("end", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["interrupted", "terminated", "terminal closed"],
)
def test_signals_leave_nothing_behind(tmp_path, end, code):
    # A background process may have been started with signals ignored, and passes that on.
    command = ["env", "--default-signal=INT,HUP", *COMMAND, "encode", "-", "out.ssc"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdin.write(header(24000, 1, "PCM_16", None) + bytes(200_000))
        running.stdin.flush()
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        (part,) = tmp_path.iterdir()
        assert part.name.startswith(".out.ssc.")
        running.send_signal(end)
        error = running.stderr.read()
        assert running.wait(60) == code
    assert b"Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_whoever_reads_the_pipe_goes(stream):
    done = subprocess.run(
        f"{' '.join(COMMAND)} decode in.ssc - | head -c 10 > /dev/null; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 6
    assert done.stderr == b"sscodec: standard output: whoever was reading it has closed it\n"


@pytest.mark.parametrize("arguments", [["decode", "in.ssc", "-"], ["info", "in.ssc"]])
def test_a_full_disk(stream, arguments):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 6
    assert done.stderr == b"sscodec: standard output: cannot write (No space left on device)\n"


def test_a_disk_that_fills_up(stream, tmp_path):
    before = set(tmp_path.iterdir())
    for name in ("out.wav", "out.flac"):
        line = f"ulimit -f 8; {' '.join(COMMAND)} decode in.ssc {name}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60, check=False)
        assert done.returncode == 6, done.stderr
        assert done.stderr.startswith(f"sscodec: {name}: cannot write".encode())
        assert len(done.stderr.splitlines()) == 1
        assert set(tmp_path.iterdir()) == before


def test_from_another_folder(stream):
    done = process("info", str(stream.absolute()), cwd="/")
    assert done.returncode == 0


def test_an_interrupt_while_the_command_is_loaded_is_one_line(monkeypatch, capsys):
    import builtins

    from sscodec.__main__ import main

    real = builtins.__import__

    def interrupted(name, *arguments, **options):
        if name == "sscodec.cli":
            raise KeyboardInterrupt
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as left:
        main()
    monkeypatch.undo()
    assert (left.value.code, capsys.readouterr().err) == (130, "sscodec: interrupted\n")
