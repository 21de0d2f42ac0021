import errno
import os
import stat
import threading

import pytest

from sscodec.audio import check_output, open_output
from sscodec.errors import OutputError


def test_appears_only_when_complete(tmp_path):
    path = tmp_path / "out"
    with open_output(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing(tmp_path, error):
    with pytest.raises(error), open_output(tmp_path / "out") as file:
        file.write(b"half")
        raise error
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(ValueError), open_output(path, force=True) as file:
        file.write(b"half")
        raise ValueError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_existing_file_needs_force(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with pytest.raises(OutputError, match="exists already; use --force"):
        check_output(path, "-", force=False)
    with pytest.raises(OutputError, match="exists already"), open_output(path):
        pass
    with open_output(path, force=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_input_is_never_replaced(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(b"old")
    (tmp_path / "link").symlink_to(path)
    for target in (path, tmp_path / "link"):
        with pytest.raises(OutputError, match="is the input"), open_output(target, path, force=True):
            pass
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_meanwhile_stays_and_so_does_the_output(tmp_path, monkeypatch, links):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "out"
    with pytest.raises(OutputError) as caught, open_output(path) as file:
        file.write(b"hours of work")
        path.write_bytes(b"precious")
    assert path.read_bytes() == b"precious"
    (part,) = (other for other in tmp_path.iterdir() if other != path)
    assert part.read_bytes() == b"hours of work" and str(caught.value).endswith(f"is whole, in {part}")
    part.unlink()
    with open_output(tmp_path / "other") as file:
        file.write(b"new")
    assert (tmp_path / "other").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_bytes(b"old")
    with open_output(tmp_path / "link", force=True) as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_rights_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    with open_output(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_impossible_places(tmp_path):
    with pytest.raises(OutputError, match="does not exist; create it"), open_output(tmp_path / "no" / "out"):
        pass
    with pytest.raises(OutputError, match="is a folder"), open_output(tmp_path):
        pass


def test_a_named_pipe_is_written_to(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    with open_output(fifo) as file:
        file.write(b"through")
    reader.join()
    assert received == [b"through"]
    assert fifo.is_fifo()


def test_a_descriptor_is_written_to():
    """As bash names the pipe of >(command)."""
    end, start = os.pipe()
    with open_output(f"/dev/fd/{start}") as file:
        file.write(b"through")
    os.close(start)
    with os.fdopen(end, "rb") as reader:
        assert reader.read() == b"through"


def test_a_full_disk_is_told():
    with pytest.raises(OutputError, match="No space left"), open_output("/dev/full") as file:
        file.write(b"too much")


def test_a_long_name(tmp_path):
    with open_output(tmp_path / ("n" * 250)):
        pass
