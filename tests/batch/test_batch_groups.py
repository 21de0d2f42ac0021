from pathlib import Path

import pytest

from sscodec.batch import Task
from sscodec.batch.groups import GROUP_BYTES, GROUP_FILES, groups


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_groups_are_of_about_a_minute_and_keep_the_order():
    for number in range(50):
        Path(f"{number}.wav").write_bytes(bytes(48_000 * 10))
    tasks = [Task(f"{number}.wav", f"{number}.ssc") for number in range(50)]
    found = list(groups(tasks))
    assert [len(group) for group in found] == [6] * 8 + [2]
    assert [task for group in found for task in group] == tasks


def test_a_long_file_is_a_group_and_short_ones_are_not_endless():
    Path("long.ssc").write_bytes(bytes(750 * 3600))
    short = [Task("missing.wav", str(number)) for number in range(GROUP_FILES + 1)]
    assert [len(group) for group in groups([Task("long.ssc", "x"), *short])] == [1, GROUP_FILES, 1]


def test_streams_that_go_along_are_no_burden():
    rows = [Task("row", str(number), bytes(GROUP_BYTES // 2)) for number in range(3)]
    assert [len(group) for group in groups(rows)] == [1, 1, 1]
    assert list(groups([])) == []
