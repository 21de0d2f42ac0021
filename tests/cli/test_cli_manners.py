"""Completion, manual page and environment variables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import sscodec
from sscodec.cli import cli


def ask(words, current):
    """What a shell would offer: lines `type,word`."""
    environment = {
        **os.environ,
        "_SSCODEC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": current,
    }
    done = subprocess.run(
        [sys.executable, "-c", "from sscodec.cli import main; main()"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()


def test_completions(model_folder, monkeypatch):
    monkeypatch.setenv("SSCODEC_MODEL", "")
    assert ask("sscodec en", "1") == ["plain,encode"]
    assert "plain,--jobs" in ask("sscodec encode --j", "2")
    assert ask("sscodec encode a", "2") == ["file,a"]
    assert ask("sscodec info a", "2") == ["file,a"]
    assert ask("sscodec encode --model nosuch/fo", "3") == ["dir,nosuch/fo"]
    assert ask("sscodec completion z", "2") == ["plain,zsh"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_what_the_shell_understands(run, shell):
    script = run("completion", shell).stdout
    assert "_SSCODEC_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    Path("script").write_text(script)
    done = subprocess.run([shell, "-n", "script"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes(run):
    """The script in a shell of its own, with the command as a function of the shell's."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    Path("script").write_text(run("completion", "bash").stdout)
    Path("sscodec").write_text(f'#!/bin/sh\nexec {sys.executable} -m sscodec "$@"\n')
    Path("sscodec").chmod(0o755)
    line = "PATH=$PWD:$PATH; . ./script; COMP_WORDS=(sscodec dec); COMP_CWORD=1; _sscodec_completion sscodec"
    done = subprocess.run(
        [bash, "-c", line + '; echo "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "decode\n", done.stderr


def test_the_manual_page_tells_every_command_and_option(run):
    page = run("man").stdout
    assert page.startswith(f'.TH SSCODEC 1 "" "sscodec {sscodec.__version__}"\n.SH NAME\n')
    plain = page.replace("\\-", "-")
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert f'.SS "sscodec {name}"' in page
        for option in command.params:
            if option.param_type_name == "option":
                assert option.opts[0] in plain
    for word in ("SSCODEC_MODEL", "SSCODEC_THREADS", "NO_COLOR", "EXIT STATUS"):
        assert word in page


def test_the_manual_page_is_sound_roff(run):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=run("man").stdout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_model_variable(run, recording, monkeypatch, other_model_folder, model_folder):
    monkeypatch.setenv("SSCODEC_MODEL", str(other_model_folder))
    assert '"model": "other"' in run("encode", "--json", recording).stdout
    assert '"model": "tiny"' in run("encode", "--json", "-f", "--model", model_folder, recording).stdout
    monkeypatch.setenv("SSCODEC_MODEL", "nosuch")
    assert "no model 'nosuch'" in run("encode", recording, "a.ssc", code=5).stderr


def test_threads_variable(run, recording, monkeypatch):
    import torch

    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("SSCODEC_THREADS", "3")
        run("encode", recording)
        assert torch.get_num_threads() == 3
        run("encode", recording, "-f", "--threads", 2)
        assert torch.get_num_threads() == 2
        monkeypatch.setenv("SSCODEC_THREADS", "some")
        assert "'some' is not a valid integer" in run("encode", recording, "-f", code=2).stderr
    finally:
        torch.set_num_threads(before)
