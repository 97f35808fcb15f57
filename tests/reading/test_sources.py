from __future__ import annotations

import gzip
import os
import pickle
import socket
import sys
import zipfile

import pytest
from toy_formats import TOYS

from copilot_analytics.errors import (
    LogError,
    LogNotFoundError,
    NotATrainingLogError,
    UnreadableLogError,
)
from copilot_analytics.reading import sources
from copilot_analytics.reading.sources import find_run, read_chunks

TRAINED = b"step 1: loss=1.0\n"


def refusal(path):
    with pytest.raises(LogError) as error:
        list(read_chunks(path))
    return error.value


def test_a_log_comes_back_byte_for_byte(tmp_path):
    log = tmp_path / "train.log"
    log.write_bytes(TRAINED * 1000)
    assert b"".join(read_chunks(log, 100)) == TRAINED * 1000
    assert max(map(len, read_chunks(log, 100))) == 100


@pytest.mark.parametrize(("make", "says"), [
    (lambda p: None, "there is no file"),
    (lambda p: p.mkdir(), "a directory"),
    (lambda p: p.write_bytes(b""), "is empty"),
    (lambda p: os.mkfifo(p), "a pipe"),
    (lambda p: p.symlink_to(p), "leads to itself"),
    (lambda p: p.symlink_to("nowhere"), "does not exist"),
    (lambda p: p.write_bytes(b"\x7fELF\2\1\1\0"), "program"),
    (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n"), "PNG"),
    (lambda p: p.write_bytes(pickle.dumps({"a": [1] * 9})), "pickle"),
    (lambda p: p.write_bytes(bytes(range(256)) * 9), "binary data"),
    (lambda p: p.write_bytes(b"\0" * 100_000), "nothing but NUL"),
    (lambda p: p.write_bytes(b"\x18\0\0\0\0\0\0\0abcd\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2"),
     "a damaged TensorBoard event file"),
    (lambda p: p.write_bytes(gzip.compress(b"\x7fELF" + b"\0" * 99)), "program"),
    (lambda p: p.write_bytes(gzip.compress(b"hello" * 999)[:10] + b"\xff" * 99), "damaged"),
    (lambda p: p.write_bytes(gzip.compress(b"")), "is empty"),
    (lambda p: p.write_bytes(gzip.compress(b"hello")[:10]), "is empty"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(tmp_path, make, says):
    path = tmp_path / "x.log"
    make(path)
    error = refusal(path)
    assert says in str(error) and str(path) in str(error)


def test_zip_archives_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.log", "w") as archive:
        archive.writestr("data.pkl", b"x")
    assert "ZIP" in str(refusal(tmp_path / "model.log"))


def test_a_socket_and_a_device_are_no_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.log")
        assert isinstance(refusal("s.log"), UnreadableLogError)
    assert "device" in str(refusal("/dev/null"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_is_asked_for_and_later_granted(tmp_path):
    log = tmp_path / "x.log"
    log.write_bytes(TRAINED)
    log.chmod(0)
    assert "chmod" in str(refusal(log))
    log.chmod(0o600)
    assert b"".join(read_chunks(log)) == TRAINED


def test_errors_of_the_system_are_explained(tmp_path, monkeypatch):
    log = tmp_path / "x.log"
    log.write_bytes(TRAINED)
    for code, kind in ((13, UnreadableLogError), (116, LogNotFoundError), (5, UnreadableLogError)):

        def fail(*_, code=code):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(sources.os, "open", fail)
        assert isinstance(refusal(log), kind)


def test_a_file_that_vanishes_while_it_is_read(tmp_path, monkeypatch):
    class Vanishing:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def seek(self, _):
            return 0

        def read(self, size):
            if size == 2:
                return b"st"
            raise OSError(116, "Stale file handle")

    monkeypatch.setattr(sources, "open_log", lambda _: Vanishing())
    assert isinstance(refusal(tmp_path / "x.log"), LogNotFoundError)


def test_paths_that_no_system_takes():
    assert isinstance(refusal("a\0b"), UnreadableLogError)
    assert isinstance(refusal("x" * 5000), UnreadableLogError)


def test_holes_and_foreign_encodings_are_text(tmp_path):
    for content in (b"\0" * 9000 + TRAINED, TRAINED + b"\0" * 99, "step é".encode("utf-16"),
                    "损失 0.5\n".encode("gbk"), b"\xff" * 50 + b"\n"):  # fmt: skip
        (tmp_path / "x.log").write_bytes(content)
        assert b"".join(read_chunks(tmp_path / "x.log")) == content


def test_gzip_is_unpacked_member_by_member_and_as_far_as_it_goes(tmp_path):
    log = tmp_path / "x.log"
    packed = gzip.compress(TRAINED * 10_000)
    log.write_bytes(packed + gzip.compress(b"more\n") + b"\0" * 512)
    assert b"".join(read_chunks(log, 1000)) == TRAINED * 10_000 + b"more\n"
    log.write_bytes(packed[: len(packed) * 2 // 3])
    part = b"".join(read_chunks(log))
    assert 0 < len(part) < len(TRAINED) * 10_000 and (TRAINED * 10_000).startswith(part)


def test_a_gzip_bomb_costs_no_memory(tmp_path, monkeypatch):
    log = tmp_path / "x.log.gz"
    with gzip.open(log, "wb") as stream:
        for _ in range(64):
            stream.write(b"a" * (1 << 20))
    monkeypatch.setattr(sources, "MOST_UNPACKED", 16 << 20)
    sizes: list[int] = []
    with pytest.raises(UnreadableLogError, match="2 GiB"):
        sizes.extend(map(len, read_chunks(log, 1 << 20)))
    assert max(sizes) <= 1 << 20 and sum(sizes) <= 16 << 20
    assert sys.getsizeof(log.read_bytes()) < 1 << 20


def work_dir(root, stamp, trained=True):
    folder = root / stamp / "vis_data"
    folder.mkdir(parents=True)
    text = TRAINED if trained else b"chatter\n"
    (root / stamp / f"{stamp}.log").write_bytes(text)
    (folder / "scalars.json").write_bytes(b'{"step": 1, "mode": "train", "loss": 1}\n')
    (folder / f"{stamp}.json").write_bytes(b'{"step": 1, "mode": "train", "loss": 1}\n')
    return root / stamp / f"{stamp}.log"


def found(directory):
    return find_run(directory, formats=TOYS)


def test_the_newest_run_is_found_by_its_time_stamp(tmp_path):
    newest = work_dir(tmp_path, "20240302_101500")
    older = work_dir(tmp_path, "20240301_235959")
    os.utime(newest, (1, 1))
    assert found(tmp_path) == newest
    assert found(older.parent) == older
    assert found(older) == older, "a file is itself"


def test_the_json_twin_serves_where_there_is_no_text_log(tmp_path):
    text = work_dir(tmp_path, "20240302_101500", trained=False)
    assert found(tmp_path).suffix == ".json"
    text.unlink()
    assert found(tmp_path).suffix == ".json"


def test_without_stamps_the_last_change_counts(tmp_path):
    for name, when in (("a.log", 2000), ("b.log", 3000), ("c.md", 4000), ("d.txt", 1000)):
        (tmp_path / name).write_bytes(TRAINED)
        os.utime(tmp_path / name, (when, when))
    assert found(tmp_path).name == "b.log"


def test_a_text_log_is_preferred_to_the_twin_written_with_it(tmp_path):
    (tmp_path / "vis_data").mkdir()
    for name, when in (("train.log", 9000), ("vis_data/scalars.json", 9001), ("old.log", 10)):
        text = TRAINED if name.endswith(".log") else b'{"step": 1, "mode": "train", "loss": 1}\n'
        (tmp_path / name).write_bytes(text)
        os.utime(tmp_path / name, (when, when))
    assert found(tmp_path).name == "train.log"
    os.utime(tmp_path / "vis_data" / "scalars.json", (90_000, 90_000))
    assert found(tmp_path).name == "scalars.json"


def test_environments_caches_and_loops_are_left_out(tmp_path):
    good = tmp_path / "runs" / "a.log"
    for folder in (".git", "node_modules", "myenv", "runs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.log").write_bytes(TRAINED)
        os.utime(tmp_path / folder / "a.log", (9000, 9000))
    (tmp_path / "myenv" / "pyvenv.cfg").touch()
    os.utime(good, (5, 5))
    (tmp_path / "runs" / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.log").symlink_to("nowhere")
    assert found(tmp_path) == good


def test_five_thousand_runs_are_no_problem(tmp_path):
    for i in range(5000):
        (tmp_path / f"20230101_{i // 3600:02d}{i // 60 % 60:02d}{i % 60:02d}").mkdir()
    newest = work_dir(tmp_path, "20230102_000000")
    assert found(tmp_path) == newest


def test_what_was_tried_is_told(tmp_path):
    with pytest.raises(LogNotFoundError, match="there is no file"):
        found(tmp_path / "nowhere")
    with pytest.raises(LogNotFoundError, match="named like a log"):
        found(tmp_path)
    (tmp_path / "a.log").write_bytes(b"diary\n")
    (tmp_path / "b.log").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(b"\x7fELF")
    with pytest.raises(NotATrainingLogError) as error:
        found(tmp_path)
    for part in ("a.log (no known format)", "b.log (empty)", "c.txt (unreadable)", "--log-format"):
        assert part in str(error.value)
