from __future__ import annotations

import gzip
import os
import pickle
import socket
import sys
import zipfile

import pytest

from copilot_analytics.errors import (
    LogError,
    LogNotFoundError,
    UnreadableLogError,
)
from copilot_analytics.reading import sources
from copilot_analytics.reading.sources import read_chunks, read_ends

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


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_the_ends_of_a_log_are_whole_lines(end, tmp_path):
    lines = [b"step %d" % step + end for step in range(1000)]
    log = tmp_path / "train.log"
    log.write_bytes(b"".join(lines))
    head, tail = read_ends(log, 500)
    assert 450 < len(head) <= 500 and 450 < len(tail) <= 500
    count = len(head.split(end)) - 1
    assert head == b"".join(lines[:count])
    assert tail == b"".join(lines[-(len(tail.split(end)) - 1) :])


def test_a_log_that_is_short_or_packed_has_no_middle_to_leave_out(tmp_path):
    log, packed = tmp_path / "train.log", tmp_path / "train.log.gz"
    log.write_bytes(b"loss 1\n" * 100)
    packed.write_bytes(gzip.compress(os.urandom(5000).hex().encode()))
    assert b"".join(read_ends(log, 350)) == log.read_bytes()
    assert b"".join(read_ends(packed, 100)) == gzip.decompress(packed.read_bytes())


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
