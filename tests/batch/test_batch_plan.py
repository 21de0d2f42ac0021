from pathlib import Path

import pytest

from sscodec.batch import SOUND_SUFFIXES, plan
from sscodec.errors import UsageError


@pytest.fixture(autouse=True)
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/b.wav",
        "in/a.FLAC",
        "in/notes.txt",
        "in/.hidden.wav",
        "in/deep/er/c.mp3",
        "in/.git/d.wav",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def pairs(names=(), listed=(), output_dir="out", suffix=".ssc", recursive=False):
    tasks = plan(names, listed, output_dir, wanted=SOUND_SUFFIXES, suffix=suffix, recursive=recursive)
    return [(task.source, task.target) for task in tasks]


def test_a_folder_gives_its_sound_files_in_order():
    assert pairs(["in"]) == [("in/a.FLAC", "out/a.ssc"), ("in/b.wav", "out/b.ssc")]


def test_recursive_keeps_the_tree():
    assert pairs(["in"], recursive=True) == [
        ("in/a.FLAC", "out/a.ssc"),
        ("in/b.wav", "out/b.ssc"),
        ("in/deep/er/c.mp3", "out/deep/er/c.ssc"),
    ]


def test_named_files_go_into_the_folder_itself_whatever_they_are_called():
    assert pairs(["in/deep/er/c.mp3", "in/notes.txt", "missing"]) == [
        ("in/deep/er/c.mp3", "out/c.ssc"),
        ("in/notes.txt", "out/notes.ssc"),
        ("missing", "out/missing.ssc"),
    ]


def test_listed_files_keep_the_folders_they_are_named_with():
    absolute = str(Path("in/b.wav").absolute())
    assert pairs(listed=["./in/b.wav", "in/deep/../a.FLAC"]) == [
        ("./in/b.wav", "out/in/b.ssc"),
        ("in/deep/../a.FLAC", "out/in/a.ssc"),
    ]
    assert pairs(listed=[absolute]) == [(absolute, "out" + absolute[:-4] + ".ssc")]


def test_dots_in_names_and_folders():
    assert pairs(["v1.2/take.1.wav", "noext"]) == [
        ("v1.2/take.1.wav", "out/take.1.ssc"),
        ("noext", "out/noext.ssc"),
    ]


def test_a_file_that_is_named_twice_is_one_task():
    assert pairs(["in/b.wav", "in", "./in/b.wav"]) == [("in/b.wav", "out/b.ssc"), ("in/a.FLAC", "out/a.ssc")]


@pytest.mark.parametrize(
    ("names", "listed", "output_dir", "message"),
    [
        (["x/a.wav", "y/a.wav"], [], "out", "would both become out/a.ssc"),
        (["a.wav", "a.flac"], [], "out", "would both become out/a.ssc"),
        (["x/a.wav"], ["a.flac"], "out", "would both become out/a.ssc"),
        (["in/a.ssc"], [], "in", "would be replaced by the output of"),
        (["in/a.wav", "in/a.ssc"], [], "other/../in", "would both become"),
        (["in/a.wav", "x/b.ssc", "in/b.ssc"], [], "x", "would both become"),
        (["-"], [], "out", "'-' is no file"),
        ([], ["../a.wav"], "out", "has no place in the output folder"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(names, listed, output_dir, message):
    with pytest.raises(UsageError, match=message):
        pairs(names, listed, output_dir)


def test_links_do_not_hide_that_two_outputs_are_one():
    Path("out").mkdir()
    Path("link").symlink_to("out")
    Path("out/deep").symlink_to(".")
    with pytest.raises(UsageError, match="would both become"):
        pairs(["x/b.wav"], ["deep/b.wav"])
