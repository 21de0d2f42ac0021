"""Batches and tokens on storage that fsspec reaches: memory, and a real S3 server on this machine."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import sscodec
from sscodec import storage
from sscodec.batch import SOUND_SUFFIXES, plan
from sscodec.errors import OutputError, UsageError

fsspec = pytest.importorskip("fsspec")
SECONDS = 300


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch, model_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSCODEC_MODEL", str(model_folder))
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def recording(sound):
    soundfile.write("a.wav", 0.05 * sound(1.3, rate=44100, channels=2), 44100)
    return Path("a.wav")


def contents(bucket):
    fs = fsspec.filesystem("memory")
    return {name.removeprefix(f"/{bucket}/"): fs.cat(name) for name in fs.find(f"/{bucket}")}


def test_a_file_there_and_back_has_the_same_bytes(recording):
    fsspec.filesystem("memory").put("a.wav", "/b/a.wav")
    sscodec.encode_file("a.wav", "a.ssc")
    sscodec.encode_file("memory://b/a.wav", "memory://b/a.ssc")
    assert contents("b")["a.ssc"] == Path("a.ssc").read_bytes()
    for suffix in ("wav", "flac"):
        sscodec.decode_file("a.ssc", f"a.{suffix}", force=True)
        sscodec.decode_file("memory://b/a.ssc", f"memory://b/back.{suffix}")
        assert contents("b")[f"back.{suffix}"] == Path(f"a.{suffix}").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        sscodec.encode_file("a.wav", "memory://b/a.ssc")
    with pytest.raises(sscodec.errors.InputError, match=r"memory://b/nosuch\.wav: cannot open it"):
        sscodec.encode_file("memory://b/nosuch.wav", "b.ssc")


def test_an_output_is_whole_or_not_there():
    with pytest.raises(KeyboardInterrupt), storage.create("memory://b/half", False) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert contents("b") == {}
    with storage.create("memory://b/whole", False) as file:
        file.write(b"whole")
        assert contents("b") == {}
    assert contents("b") == {"whole": b"whole"}
    with (
        pytest.raises(OutputError, match="come meanwhile"),
        storage.create("memory://b/whole", False) as file,
    ):
        file.write(b"other")
    assert contents("b") == {"whole": b"whole"}


def test_folders_of_urls_are_planned_like_others():
    fs = fsspec.filesystem("memory")
    for name in ("in/a.wav", "in/sub/b.flac", "in/notes.txt", "in/.hidden.wav"):
        fs.pipe(f"/b/{name}", b"x")
    how = {"wanted": SOUND_SUFFIXES, "suffix": ".ssc"}
    tasks = plan(["memory://b/in"], [], "memory://b/out", **how, recursive=True)
    assert [(task.source, task.target) for task in tasks] == [
        ("memory://b/in/a.wav", "memory://b/out/a.ssc"),
        ("memory://b/in/sub/b.flac", "memory://b/out/sub/b.ssc"),
    ]
    assert len(plan(["memory://b/in"], [], "out", **how, recursive=False)) == 1
    listed = plan([], ["s3://bucket/x/a.wav"], "out", **how, recursive=False)
    assert listed[0].target == "out/bucket/x/a.ssc"
    with pytest.raises(UsageError, match="nosuchthing"):
        storage.status("nosuchthing://a")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """The URL of a bucket on moto's server, whose place and keys are in the environment."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    names = {
        "AWS_ACCESS_KEY_ID": "key-of-nobody",
        "AWS_SECRET_ACCESS_KEY": "secret-of-nobody",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket"
    server.kill()
    server.wait()


def command(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "sscodec", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(sscodec.__file__).parent.parent)},
    )
    assert done.returncode == code, done.stderr
    assert "secret-of-nobody" not in done.stderr + done.stdout
    return done.stderr


def test_a_tree_from_a_bucket_into_a_bucket(bucket, sound):
    Path("in/sub").mkdir(parents=True)
    soundfile.write("in/a.wav", sound(1.2), 24000)
    soundfile.write("in/sub/b.flac", 0.05 * sound(0.5, rate=44100, channels=2), 44100)
    s3 = fsspec.filesystem("s3")
    s3.put("in/", "bucket/in/", recursive=True)
    Path("bad.wav").write_text("no sound")
    s3.put("bad.wav", "bucket/in/bad.wav")
    error = command("encode", f"{bucket}/in", "-ro", f"{bucket}/out", "-j1", code=3)
    assert f"{bucket}/in/bad.wav: not a sound file" in error
    command("encode", "in", "-ro", "out", "-j1", "-q")
    names = ["a.ssc", "sub/b.ssc"]
    s3.invalidate_cache()
    assert [name.removeprefix("bucket/out/") for name in s3.find("bucket/out")] == names
    assert [s3.cat(f"bucket/out/{name}") for name in names] == [
        Path("out", name).read_bytes() for name in names
    ]
    s3.rm("bucket/in/bad.wav")
    s3.rm("bucket/out/a.ssc")
    error = command("encode", f"{bucket}/in", "-ro", f"{bucket}/out", "-j1")
    assert "1 encoded" in error and "1 done before" in error
    command("decode", f"{bucket}/out", "-ro", f"{bucket}/back", "-j1", "-q", "--format", "flac")
    command("decode", "out", "-ro", "back", "-j1", "-q", "--format", "flac")
    assert s3.cat("bucket/back/sub/b.flac") == Path("back/sub/b.flac").read_bytes()
    pytest.importorskip("pyarrow")
    for _ in range(2):
        error = command("tokens", f"{bucket}/out", "-ro", f"{bucket}/tokens", "-j1", "--n-q", "4")
    assert "2 done before" in error
    command("tokens", "out", "-ro", "tokens", "-j1", "-q", "--n-q", "4")
    s3.invalidate_cache()
    for name in ("manifest.json", "tokens-00000.parquet"):
        assert s3.cat(f"bucket/tokens/{name}") == Path("tokens", name).read_bytes()
    command("decode", f"{bucket}/tokens", "-o", "wavs", "-j1", "-q", "--key", "a")
    assert [path.name for path in Path("wavs").iterdir()] == ["a.wav"]


def test_an_upload_that_is_interrupted_leaves_no_object(bucket):
    s3 = fsspec.filesystem("s3")
    with pytest.raises(KeyboardInterrupt), storage.create(f"{bucket}/half", False) as file:
        for _ in range(3):
            file.write(bytes(30 << 20))  # beyond a part of a multipart upload
        raise KeyboardInterrupt
    del file
    s3.invalidate_cache()
    assert not s3.exists("bucket/half")
    assert not s3.call_s3("list_multipart_uploads", Bucket="bucket").get("Uploads")
    error = command("encode", "s3://nosuchbucket/a.wav", "-o", "out", "-j1", code=3)
    assert "s3://nosuchbucket/a.wav: cannot open it" in error
