"""Each way to lose or repeat a line, one by one."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.live import _files
from copilot_analytics.live.follow_directory import RunDirectory
from copilot_analytics.live.pieces import Began, Bytes, Gone
from copilot_analytics.live.tail import MOST_BYTES, Tailer


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "train.log"


@pytest.fixture(params=[False, True], ids=["open", "lean"])
def tail(request, clock):
    tailers = []

    def make(path, **options):
        tailers.append(Tailer(path, clock=clock, lean=request.param, **options))
        return tailers[-1]

    yield make
    for tailer in tailers:
        tailer.close()


def write(path, content, ticks=[1_900_000_000_000_000_000]):  # noqa: B006  # a counter on purpose
    with path.open("ab") as stream:
        stream.write(content)
    ticks[0] += 10**9  # the kernel's time stamps are coarser than a fast test
    os.utime(path, ns=(ticks[0], ticks[0]))


def content(pieces):
    return b"".join(piece.content for piece in pieces if isinstance(piece, Bytes))


def begun(pieces):
    return [piece.why for piece in pieces if isinstance(piece, Began)]


def polls(tailer, clock, count=6, pause=3.0):
    pieces = []
    for _ in range(count):
        clock.now += pause
        pieces += tailer.poll()
    return pieces


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


def test_rewritten_with_more_between_two_looks(tail, log, clock):
    write(log, b"old1\nold2\n")
    tailer = tail(log)
    tailer.poll()
    os.truncate(log, 0)
    write(log, b"new1\nnew2\nnew3\n")
    pieces = polls(tailer, clock)
    assert begun(pieces) == ["truncated"]
    assert content(pieces) == b"new1\nnew2\nnew3\n"


def test_rewritten_with_the_same_size(tail, log, clock):
    write(log, b"old1\nold2\n")
    tailer = tail(log)
    tailer.poll()
    clock.now += 60
    tailer.poll()
    os.truncate(log, 0)
    write(log, b"new1\nnew2\n")
    assert content(polls(tailer, clock)) == b"new1\nnew2\n"


def test_rewritten_after_the_same_long_header(tail, log, clock):
    header = b"".join(b"setting %d = %d\n" % (n, n * n) for n in range(200))
    write(log, header + b"old1\nold2\n")
    tailer = tail(log)
    tailer.poll()
    os.truncate(log, 0)
    write(log, header + b"new1\nnew2\nnew3\n")
    assert content(polls(tailer, clock)) == header + b"new1\nnew2\nnew3\n"


def test_truncated_to_nothing(tail, log, clock):
    write(log, b"old1\n")
    tailer = tail(log)
    tailer.poll()
    os.truncate(log, 0)
    assert begun(polls(tailer, clock)) == ["truncated"]
    write(log, b"new1\n")
    assert content(tailer.poll()) == b"new1\n"


def test_a_writer_that_writes_the_whole_file_anew_repeats_nothing(tail, log, clock):
    write(log, b"epoch,loss\n1,0.5\n")
    tailer = tail(log)
    tailer.poll()
    os.truncate(log, 0)
    assert tailer.poll() == []
    write(log, b"epoch,loss\n")
    assert tailer.poll() == []
    write(log, b"1,0.5\n2,0.4\n")
    assert polls(tailer, clock) == [Bytes(b"2,0.4\n", str(log), 17)]


def test_late_write_to_the_renamed_file_comes_before_the_new_one(tail, log, clock):
    write(log, b"old1\n")
    tailer = tail(log)
    tailer.poll()
    old = log.with_name("train.log.1")
    log.rename(old)
    write(log, b"new1\n")
    assert tailer.poll() == []
    clock.now += 4
    write(old, b"late\n")
    pieces = polls(tailer, clock)
    assert content(pieces) == b"late\nnew1\n"
    assert begun(pieces) == ["rotated"]
    assert pieces[0].file == str(old if tailer._lean else log)


def test_the_torn_end_of_the_old_file_is_delivered_as_it_is(tail, log, clock):
    write(log, b"old1\nol")
    tailer = tail(log)
    assert content(tailer.poll()) == b"old1\nol"
    log.rename(log.with_name("train.log.1"))
    write(log, b"new1\n")
    assert [type(piece) for piece in polls(tailer, clock)] == [Began, Bytes]


def test_rotated_twice_between_two_looks(tail, log, clock):
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    for line in (b"b\n", b"c\n"):
        for number in (2, 1):
            old = log.with_name(f"train.log.{number}")
            if old.exists():
                old.rename(log.with_name(f"train.log.{number + 1}"))
        log.rename(log.with_name("train.log.1"))
        write(log, line)
    pieces = polls(tailer, clock, 10)
    assert content(pieces) == b"b\nc\n"
    assert begun(pieces) == ["rotated", "rotated"]


@pytest.mark.parametrize(
    "name", ["train.log-20300102", "train.log.2030-01-02_03", "train-20300102.log"]
)
def test_rotated_twice_under_dates(tail, log, clock, name):
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    log.rename(log.with_name(name))
    write(log, b"b\n")
    log.rename(log.with_name(name.replace("20300102", "20300103").replace("-02_03", "-02_04")))
    write(log, b"c\n")
    assert content(polls(tailer, clock, 10)) == b"b\nc\n"


def test_a_line_added_late_does_not_make_a_rotated_file_the_newer_one(tail, log, clock):
    """All of it between two looks, so that only what lies on the disk tells the order."""
    tailer = tail(log)
    tailer.poll()
    write(log, b"one\n")
    first, second = log.with_name("train.log.1"), log.with_name("train.log.2")
    log.rename(first)
    write(log, b"three\n")
    write(first, b"two\n")  # its writer has not noticed yet
    first.rename(second)
    log.rename(first)
    write(log, b"four\n")
    assert second.stat().st_mtime_ns > first.stat().st_mtime_ns
    assert content(polls(tailer, clock)) == b"one\ntwo\nthree\nfour\n"


def test_numbers_that_rise_with_time(tail, log, clock):
    tailer = tail(log)
    tailer.poll()
    for number in range(1, 13):
        write(log, b"%d\n" % number)
        rotated = log.with_name(f"train.log.{number}")
        before = log.stat().st_ctime_ns
        while log.exists() or rotated.stat().st_ctime_ns == before:  # the kernel's clock is coarse
            (log if log.exists() else rotated).rename(rotated.with_name("moving"))
            rotated.with_name("moving").rename(rotated)
    write(log, b"13\n")
    expected = b"".join(b"%d\n" % number for number in range(1, 14))
    assert content(polls(tailer, clock, 20)) == expected


def test_packed_and_older_siblings_are_left_alone(tail, log, clock):
    write(log.with_name("train.log.2"), b"older\n")
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    log.rename(log.with_name("train.log.1"))
    write(log.with_name("train.log.1.gz"), b"\x1f\x8b")
    write(log.with_name("train.log.bak"), b"x\n")
    write(log.with_name("train-2.log"), b"another run\n")
    write(log, b"b\n")
    assert content(polls(tailer, clock)) == b"b\n"


def test_the_rest_of_a_truncated_file_is_read_from_its_copy(tail, log, clock):
    write(log, b"a\n" * 1000)
    tailer = tail(log)
    tailer.poll()
    write(log, b"b\n")
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    write(log, b"c\n")
    pieces = polls(tailer, clock)
    assert content(pieces) == b"b\nc\n"
    assert begun(pieces) == ["truncated"]
    assert pieces[0] == Bytes(b"b\n", str(log.with_name("train.log.1")), 2000)


def test_deleted_and_created_anew_though_the_inode_is_the_same(tail, log, clock):
    write(log, b"old1\nold2\n")
    tailer = tail(log)
    tailer.poll()
    log.unlink()
    write(log, b"new1\nnew2\nnew3\n")
    assert content(polls(tailer, clock)) == b"new1\nnew2\nnew3\n"


def test_deleted_while_the_writer_writes_on(log, clock):
    write(log, b"a\n")
    with Tailer(log, clock=clock) as tailer, log.open("ab", buffering=0) as writer:
        tailer.poll()
        log.unlink()
        writer.write(b"b\n")
        pieces = polls(tailer, clock)
        assert pieces == [Gone(str(log), "missing"), Bytes(b"b\n", str(log), 2)]
        writer.write(b"c\n")
        assert content(tailer.poll()) == b"c\n"


def test_replaced_by_a_longer_copy_of_itself(tail, log, clock):
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    fresh = log.with_name("fresh")
    write(fresh, b"a\nb\n")
    fresh.rename(log)
    assert polls(tailer, clock) == [Bytes(b"b\n", str(log), 2)]


def test_a_link_that_moves_and_returns(tail, tmp_path, clock):
    first, second, link = (tmp_path / name for name in ("1.txt", "2.txt", "latest.log"))
    write(first, b"a\n")
    write(second, b"b\n")

    def point_to(target):
        (tmp_path / "fresh").symlink_to(target)
        (tmp_path / "fresh").rename(link)

    point_to(first)
    tailer = tail(link)
    assert content(tailer.poll()) == b"a\n"
    point_to(second)
    write(first, b"late\n")
    pieces = polls(tailer, clock)
    assert content(pieces) == b"late\nb\n"
    assert begun(pieces) == ["moved"]
    point_to(first)
    write(first, b"more\n")
    pieces = polls(tailer, clock)
    assert pieces == [Began(str(first), "moved", 7), Bytes(b"more\n", str(first), 7)]


def test_dangling_links_and_loops_are_waited_for(tail, tmp_path, clock):
    link = tmp_path / "latest.log"
    link.symlink_to(tmp_path / "nothing")
    tailer = tail(link)
    assert tailer.poll() == [Gone(str(link), "missing")]
    link.unlink()
    link.symlink_to(link)
    assert tailer.poll() == [Gone(str(link), "unreachable")]
    link.unlink()
    write(link, b"a\n")
    assert content(polls(tailer, clock)) == b"a\n"


def test_a_directory_that_vanishes_and_returns(tail, tmp_path, clock):
    log = tmp_path / "work" / "train.log"
    log.parent.mkdir()
    write(log, b"a\n")
    tailer = tail(log)
    tailer.poll()
    shutil.rmtree(log.parent)
    assert polls(tailer, clock) == [Gone(str(log), "missing")]
    log.parent.mkdir()
    write(log, b"b\n")
    assert content(polls(tailer, clock)) == b"b\n"


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
    tailer = tail(log)
    tailer.poll()
    assert tailer.wait_s == 0.2
    waits = []
    for _ in range(12):
        clock.now += tailer.wait_s
        assert tailer.poll() == []
        waits.append(tailer.wait_s)
    assert waits == sorted(waits) and waits[-1] == 5.0
    assert tailer.age_s == pytest.approx(clock.now - 100)
    write(log, b"b\n")
    tailer.poll()
    # Among hundreds of logs one is looked at by its own rhythm.
    assert (tailer.wait_s, tailer.age_s) == (5.0 if tailer._lean else 0.2, 0.0)
    clock.now += 8.0
    write(log, b"c\n")
    tailer.poll()
    assert tailer.wait_s == (2.0 if tailer._lean else 0.2)


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


def start(folder, stamp):
    log = folder / stamp / f"{stamp}.log"
    log.parent.mkdir()
    return log


def test_each_start_of_a_run_is_followed_in_order(tail, tmp_path, clock):
    runs = RunDirectory(tmp_path, clock=clock)
    tailer = tail(runs)
    assert tailer.poll() == [Gone(str(tmp_path), "missing")]
    logs = [start(tmp_path, f"2030010{day}_000000") for day in (1, 2, 3)]
    write(logs[0], b"a\n")
    assert content(polls(tailer, clock)) == b"a\n"
    write(logs[1], b"b\n")
    write(logs[2], b"c\n")
    write(logs[0], b"late\n")
    pieces = polls(tailer, clock, 12)
    assert content(pieces) == b"late\nb\nc\n"
    assert begun(pieces) == ["moved", "moved"]
    assert runs.newest() == str(logs[2])


def test_following_begins_at_the_newest_start(tail, tmp_path, clock):
    for day in (1, 2):
        write(start(tmp_path, f"2030010{day}_000000"), b"%d\n" % day)
    (tmp_path / "20300109_000000").mkdir()  # no log in it yet
    (tmp_path / "vis_data").mkdir()
    write(tmp_path / "20300109_000000.txt", b"x\n")
    assert content(polls(tail(RunDirectory(tmp_path, clock=clock)), clock)) == b"2\n"


def test_logs_of_one_rank_and_logs_without_a_directory(tmp_path, clock):
    runs = RunDirectory(tmp_path, clock=clock)
    assert runs.newest() is None
    write(tmp_path / "20300101_000000.log", b"a\n")
    assert runs.newest() == str(tmp_path / "20300101_000000.log")
    folder = tmp_path / "20300102_000000"
    folder.mkdir()
    for rank in (0, 1):
        write(folder / f"20300102_000000_host_device{rank}_rank{rank}.log", b"b\n")
    assert runs.newest() == str(folder / "20300102_000000_host_device0_rank0.log")


def test_a_directory_is_listed_only_when_it_changed(tmp_path, clock, monkeypatch):
    write(start(tmp_path, "20300101_000000"), b"a\n")
    runs = RunDirectory(tmp_path, clock=clock)
    newest = runs.newest()
    listed = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or real(path))
    assert runs.newest() == runs.next(newest) == newest
    assert listed == []
    clock.now += 11
    runs.newest()
    assert [str(path) for path in listed] == [str(tmp_path)]
