"""Logs that are rotated, truncated, replaced or deleted while they are followed."""

from __future__ import annotations

import os
import shutil

import pytest
from tailing import begun, content, polls, write

from copilot_analytics.live.pieces import Began, Bytes, Gone
from copilot_analytics.live.tail import Tailer


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
