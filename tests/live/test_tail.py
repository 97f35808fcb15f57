"""Each way to lose or repeat a line, one by one."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest
from tailing import content, polls, write

from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live import _files
from copilot_analytics.live.pieces import Began, Bytes, Gone
from copilot_analytics.live.tail import MOST_BYTES, Tailer


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_bytes_come_once_with_their_offsets(tail, log, clock):
    write(log, b"one\ntw")
    tailer = tail(log)
    assert tailer.poll() == [Began(str(log), "opened"), Bytes(b"one\ntw", str(log), 0)]
    assert tailer.poll() == []
    write(log, "o\nü".encode()[:3])  # half a character
    assert tailer.poll() == [Bytes(b"o\n\xc3", str(log), 6)]
    assert (tailer.file, tailer.offset, tailer.size) == (str(log), 9, 9)


def test_a_file_that_is_not_there_yet(tail, log, clock):
    tailer = tail(log)
    assert tailer.poll() == [Gone(str(log), "missing")]
    assert tailer.poll() == []
    write(log, b"one\n")
    assert tailer.poll() == [Began(str(log), "opened"), Bytes(b"one\n", str(log), 0)]
    assert tailer.gone is None


def test_permission_lost_and_granted_again(tail, log, clock, monkeypatch):
    write(log, b"a\n")
    tailer = tail(log)
    real = os.stat

    def forbidden(path, **options):
        if str(path) == str(log):
            raise PermissionError(13, "Permission denied")
        return real(path, **options)

    monkeypatch.setattr(os, "stat", forbidden)  # the super-user is forbidden nothing
    assert tailer.poll() == [Gone(str(log), "forbidden")]
    monkeypatch.undo()
    assert content(polls(tailer, clock)) == b"a\n"
    monkeypatch.setattr(os, "stat", forbidden)
    assert polls(tailer, clock) == [Gone(str(log), "forbidden")]
    monkeypatch.undo()
    write(log, b"b\n")
    assert polls(tailer, clock) == [Bytes(b"b\n", str(log), 2)]


def test_what_is_no_file_is_refused_unopened(tail, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for path, word in (
        (tmp_path / "pipe", "pipe"),
        (tmp_path / "socket", "socket"),
        (tmp_path, "directory"),
        ("/dev/null", "device"),
    ):
        with pytest.raises(UnreadableLogError, match=word):
            tail(path).poll()
    with pytest.raises(UnreadableLogError, match="name of a file"):
        tail("a\0b").poll()


def test_holes_are_bytes(tail, log, clock):
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    os.truncate(log, 5000)
    write(log, b"b\n")
    assert content(polls(tailer, clock)) == b"\0" * 4998 + b"b\n"


def test_a_writer_that_goes_on_at_its_old_place_after_a_truncation(tail, log, clock):
    with log.open("wb", buffering=0) as writer:
        writer.write(b"a" * 3000 + b"\n")
        tailer = tail(log)
        tailer.poll()
        shutil.copyfile(log, log.with_name("train.log.1"))
        os.truncate(log, 0)
        writer.write(b"b\n")
    assert content(polls(tailer, clock)) == b"\0" * 3001 + b"b\n"


def test_much_at_once_comes_in_parts(tail, log, clock):
    write(log, b"0123456\n" * (MOST_BYTES // 8 * 2 + 10))
    tailer = tail(log)
    sizes = []
    while True:
        pieces = tailer.poll()
        sizes.append(len(content(pieces)))
        if tailer.wait_s > 0:
            break
    assert sizes == [MOST_BYTES, MOST_BYTES, 80]


def test_the_rest_of_a_copy_comes_in_parts_too(tail, log, clock):
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    write(log, b"b" * (MOST_BYTES + 5) + b"\n")
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    write(log, b"c\n")
    assert len(content(polls(tailer, clock))) == MOST_BYTES + 8


def test_waits_grow_when_idle(tail, log, clock):
    write(log, b"a\n")
    tailer, began = tail(log), clock.now
    tailer.poll()
    assert tailer.wait_s == 0.2
    waits = []
    for _ in range(12):
        clock.now += tailer.wait_s
        assert tailer.poll() == []
        waits.append(tailer.wait_s)
    longest = 10.0 if tailer._lean else 5.0
    assert waits == sorted(waits) and waits[-1] == longest
    assert tailer.age_s == pytest.approx(clock.now - began)
    write(log, b"b\n")
    tailer.poll()
    # Among hundreds of logs one is looked at by its own rhythm.
    assert (tailer.wait_s, tailer.age_s) == (longest if tailer._lean else 0.2, 0.0)
    clock.now += 8.0
    write(log, b"c\n")
    tailer.poll()
    assert tailer.wait_s == (4.0 if tailer._lean else 0.2)


def test_it_wakes_when_the_grace_of_an_old_file_is_over(tail, log, clock):
    write(log, b"a\n")
    tailer = tail(log)
    for _ in range(12):
        clock.now += 5
        tailer.poll()
    log.rename(log.with_name("train.log.1"))
    write(log, b"b\n")
    tailer.poll()
    clock.now += 4.5
    tailer.poll()
    assert tailer.wait_s == pytest.approx(0.5)


def test_begin_within_the_file(tail, log, clock):
    write(log, b"one\ntwo\n")
    assert tail(log, from_byte=4).poll() == [
        Began(str(log), "opened", 4),
        Bytes(b"two\n", str(log), 4),
    ]
    assert tail(log, from_byte=9).poll()[0] == Began(str(log), "truncated", 0)


def test_resume_where_another_tailer_stood(tail, log, clock):
    write(log, b"one\ntw")
    first = tail(log)
    first.poll()
    position = first.position(unread=2)
    first.close()
    write(log, b"o\n")
    log.rename(log.with_name("train.log.1"))
    write(log, b"three\n")
    assert content(polls(tail(log, resume=position), clock)) == b"two\nthree\n"


def test_resume_after_a_truncation(tail, log, clock):
    write(log, b"a\n" * 2000)
    first = tail(log)
    first.poll()
    position = first.position()
    write(log, b"b\n")
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    write(log, b"c\n" * 4000)
    assert content(polls(tail(log, resume=position), clock)) == b"b\n" + b"c\n" * 4000


def test_lean_holds_nothing_open_and_opens_only_on_change(log, clock, monkeypatch):
    write(log, b"a\n")
    tailer = Tailer(log, clock=clock, lean=True)
    polls(tailer, clock)
    assert tailer._file.descriptor is None
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    assert polls(tailer, clock, 5) == []
    assert opened == []


def test_one_descriptor_stays_open(log, clock):
    write(log, b"a\n")
    before = descriptors()
    with Tailer(log, clock=clock) as tailer:
        for _ in range(4):
            log.rename(log.with_name("train.log.1"))
            write(log, b"b\n")
            polls(tailer, clock)
        assert descriptors() == before + 1
    assert descriptors() == before


def test_network_file_systems_are_told_by_the_longest_mount(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\n/dev/b /data/fast xfs rw 0 0\n"
        "drive /con\\040tent/drive fuse.drivefs rw 0 0\n/dev/c /usb fuseblk rw 0 0\nodd\n"
    )
    monkeypatch.setattr(_files, "MOUNTS", mounts)
    told = {
        p: _files.on_network(p)
        for p in (
            "/home/x.log",
            "/data/x.log",
            "/data2/x.log",
            "/data/fast/x.log",
            "/con tent/drive/My/x.log",
            "/usb/x.log",
        )
    }
    assert [path for path, network in told.items() if network] == [
        "/data/x.log",
        "/con tent/drive/My/x.log",
    ]
    monkeypatch.setattr(_files, "MOUNTS", tmp_path / "none")
    assert not _files.on_network("/data/x.log")


def test_on_network_it_is_slower_reopens_and_stops_at_the_known_size(log, clock, monkeypatch):
    monkeypatch.setattr("copilot_analytics.live._succession.on_network", lambda path: True)
    write(log, b"one\ntwo\n")
    with Tailer(log, clock=clock) as tailer:
        real = os.fstat

        def stale(descriptor):
            status = list(real(descriptor))
            if stat.S_ISREG(status[0]):
                status[6] = min(status[6], 4)  # what the client of the drive remembers
            return os.stat_result(status)

        monkeypatch.setattr(os, "fstat", stale)
        assert content(tailer.poll()) == b"one\n"
        assert (tailer.is_network, tailer.wait_s) == (True, 1.0)
        monkeypatch.setattr(os, "fstat", real)
        opened = []
        real_open = os.open
        monkeypatch.setattr(os, "open", lambda *a, **k: opened.append(a) or real_open(*a, **k))
        assert content(polls(tailer, clock, 25, 4.0)) == b"two\n"
        assert len(opened) == 3
        assert tailer.wait_s == 15.0
