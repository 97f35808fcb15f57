"""What tee wrote of a log is a copy of it; a run of the same seed is none."""

from __future__ import annotations

import os

import pytest

from copilot_analytics.live.copies import copies_among

STAMPED = "20300102_030405/20300102_030405.log"


def row(number, loss, late_s=0):
    second = number + late_s
    at = f"2030-01-02 {3 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{at} epoch {number}/9000 loss {loss:.4f} val_acc {1 - loss / 3:.4f}\n"


def run(count, *, differs_from=None, late_s=0):
    """A log of a run; two of one seed differ from some row on, in values or in time."""
    return "".join(
        row(
            n,
            2 / n**0.3 + 0.01 * (differs_from is not None and n >= differs_from),
            late_s * (n > 50),
        )
        for n in range(1, count + 1)
    )


@pytest.fixture
def copies(tmp_path):
    def judge(**logs):
        paths, grows = {}, logs.get("grows", True)
        for name, text in logs["logs"].items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths[str(path)] = grows
        followed = {os.path.realpath(tmp_path / one) for one in logs.get("followed", ())}
        found = copies_among(paths, followed)
        return {
            os.path.relpath(path, tmp_path): os.path.relpath(kept, tmp_path)
            for path, kept in found.items()
        }

    return judge


@pytest.mark.parametrize("beside", ["out.txt", "work/out.txt", "logs/slurm-7.out"])
@pytest.mark.parametrize("count", [12, 90, 4000])
def test_what_a_shell_wrote_of_a_log_is_a_copy(copies, beside, count):
    own, text = f"work/{STAMPED}", run(count)
    teed = "python train.py\n" + text
    assert copies(logs={beside: teed, own: text}) == {beside: own}
    behind = teed[: len(teed) - min(4000, len(text) // 3)]  # in the buffer of the pipe
    assert copies(logs={beside: behind, own: text}) == {beside: own}


@pytest.mark.parametrize(
    "printed", ["slurm/slurm-7.out", "out/job.o123", "logs/nohup.out", "out/a_stdout.log"]
)
@pytest.mark.parametrize("own", ["runs/a/train.log", f"runs/a/{STAMPED}"])
def test_what_a_scheduler_wrote_elsewhere_is_a_copy_until_it_differs(copies, printed, own):
    assert copies(logs={printed: run(90), own: run(90)}) == {printed: own}
    assert copies(logs={printed: run(90), own: run(90, differs_from=70)}) == {}


def test_each_job_of_one_seed_is_a_copy_of_its_own_run_once_these_differ(copies):
    own = {f"runs/{n}/train.log": run(90, differs_from=95 - 25 * (n - 1)) for n in (1, 2)}
    printed = {f"slurm/slurm-{n}.out": text for n, text in zip((1, 2), own.values(), strict=True)}
    told = copies(logs={**printed, **own})
    assert told == {f"slurm/slurm-{n}.out": f"runs/{n}/train.log" for n in (1, 2)}


def test_lines_into_which_another_stream_wrote_make_no_other_run(copies):
    lines = run(90).splitlines(keepends=True)
    lines[80] = lines[80].replace("loss", "lo\x1b[0m 12%| ss")
    assert copies(logs={"out.txt": "".join(lines), f"work/{STAMPED}": run(90)})


@pytest.mark.parametrize("beside", ["a/train.log", "b.log"])
def test_a_run_of_the_same_seed_that_differs_later_is_no_copy(copies, beside):
    one, other = beside, beside.replace("a/", "c/").replace("b.", "d.")
    for count in (90, 4000):
        logs = {one: run(count), other: run(count, differs_from=count - 20)}
        assert copies(logs=logs) == {}
        logs = {one: run(count), other: run(count, late_s=4)}
        assert copies(logs=logs) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/train.log", "b/train.log"),
        ("a/a.log", "b/b.log"),
        (f"a/{STAMPED}", f"b/{STAMPED}"),
        ("a/slurm-1.out", "b/slurm-2.out"),
    ],
)
def test_runs_in_folders_of_their_own_are_never_copies(copies, one, other):
    assert copies(logs={one: run(90), other: run(90)}) == {}


def test_a_run_that_ended_is_no_copy_of_one_that_goes_on(copies):
    assert copies(logs={"a.log": run(90), "b.log": run(4000)}) == {}


def test_the_log_that_is_watched_stays_so(copies):
    logs = {"a.log": run(90), "b.log": run(90)}
    assert copies(logs=logs, followed=["a.log"]) == {"b.log": "a.log"}
    assert copies(logs=logs, followed=["b.log"]) == {"a.log": "b.log"}


def unstamped(count, *, differs_from=None):
    return "".join(line[20:] for line in run(count, differs_from=differs_from).splitlines(True))


@pytest.mark.parametrize("count", [12, 90, 4000])
def test_without_time_stamps_what_grows_alike_is_a_copy_until_it_differs(copies, count):
    own, text = "work/train.log", unstamped(count)
    for printed in ("python train.py\n" + text, text[: len(text) - min(4000, len(text) // 4)]):
        logs = {"work/console.txt": printed, own: text}
        assert copies(logs=logs) == {"work/console.txt": own}
        assert copies(logs=logs, grows=False) == {}
    other = unstamped(count, differs_from=count - 3)
    assert copies(logs={"work/console.txt": other, own: text}) == {}


def test_a_handful_of_rows_without_time_stamps_makes_no_copy(copies):
    assert copies(logs={"console.txt": unstamped(6), "train.log": unstamped(6)}) == {}


def test_runs_without_time_stamps_in_folders_of_their_own_are_never_copies(copies):
    assert copies(logs={"a/train.log": unstamped(90), "b/train.log": unstamped(90)}) == {}
