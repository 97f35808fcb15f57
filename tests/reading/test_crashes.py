from __future__ import annotations

import pytest

from copilot_analytics.reading.crashes import CrashWatcher


def crashes(text):
    watcher = CrashWatcher("x.log")
    found = [r for n, line in enumerate(text.split("\n"), 1) for r in watcher.see(line, n)]
    return [(r.line, dict(r.facts)) for r in [*found, *watcher.close()]]


TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
    ~~~~^^
"""


@pytest.mark.parametrize(("last", "facts"), [
    ("ValueError: bad shape", {"error": "ValueError", "message": "bad shape"}),
    ("AssertionError", {"error": "AssertionError", "message": ""}),
    ("zlib.error: broken", {"error": "zlib.error", "message": "broken"}),
    ("KeyboardInterrupt", {"error": "KeyboardInterrupt", "message": "", "signal": 2}),
    ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
     {"error": "torch.cuda.OutOfMemoryError", "out_of_memory": True,
      "message": "CUDA out of memory. Tried to allocate 2 GiB"}),
    ("torch.distributed.elastic.multiprocessing.api.SignalException: Process 7 got signal: 15",
     {"error": "torch.distributed.elastic.multiprocessing.api.SignalException", "signal": 15,
      "message": "Process 7 got signal: 15"}),
    ("torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
     {"error": "torch.distributed.elastic.multiprocessing.errors.ChildFailedError",
      "message": ""}),
])  # fmt: skip
def test_a_traceback_ends_with_its_error(last, facts):
    assert crashes(TRACEBACK + last + "\n") == [(5, facts)]
    ranked = "\n".join(f"[rank3]: {line}" for line in (TRACEBACK + last).split("\n"))
    assert crashes(ranked) == [(5, facts)]


@pytest.mark.parametrize("bar", [
    " 5/20 ━━━━━━━━ 0s 39ms/step - accuracy: 0.8750 - loss: 0.4011",
    "  3%|▎         | 10/300 [00:01<00:30,  9.50it/s]",
    "Epoch 2:  40%|████      | 16/40 [00:00<00:00, 137.12it/s, v_num=0]",
    "16/40 [00:03<00:05, 4.75s/it]",
    " 1/20 [>.............................] - ETA: 0s - loss: 0.4375 - accuracy: 0.8750",
])  # fmt: skip
def test_a_traceback_may_follow_a_bar_on_its_line(bar):
    assert crashes(bar + TRACEBACK + "ValueError: bad shape\n")[0][0] == 5


def test_lines_of_other_processes_do_not_end_a_traceback():
    text = TRACEBACK.replace("    main()", "2024/01/01 - INFO - loss: 0.5\n    main()")
    assert [c[1]["error"] for c in crashes(text + "RuntimeError: x")] == ["RuntimeError"]


NOTEBOOK = """KeyboardInterrupt                         Traceback (most recent call last)
Cell In[5], line 2
      1 setup()
----> 2 fit(model)

File ~/toy/loop.py:12, in fit(model)
     11 for batch in data:
---> 12     step(batch)
ValueError: not the one that ended it
"""


@pytest.mark.parametrize(("last", "facts"), [
    ("KeyboardInterrupt: \n", (10, {"error": "KeyboardInterrupt", "message": "", "signal": 2})),
    ("", (1, {"error": "KeyboardInterrupt", "signal": 2, "torn": True,
              "message": "the log ends within a traceback"})),
])  # fmt: skip
def test_a_notebook_names_the_error_before_its_traceback(last, facts):
    assert crashes(NOTEBOOK + last) == [facts]
    indented = "".join(f"    {line}" for line in (NOTEBOOK + last).splitlines(keepends=True))
    assert crashes(indented) == [facts]


@pytest.mark.parametrize(("line", "facts"), [
    ("Killed", {"error": "Killed", "signal": 9}),
    ("run.sh: line 12: 4711 Killed                  python train.py",
     {"error": "Killed", "signal": 9}),
    ("Segmentation fault (core dumped)", {"error": "Segmentation fault", "signal": 11}),
    ("Terminated", {"error": "Terminated", "signal": 15}),
    ("Bus error (core dumped)", {"error": "Bus error", "signal": 7}),
    ("srun: error: node3: task 0: Exited with exit code 1",
     {"error": "srun: error", "message": "node3: task 0: Exited with exit code 1"}),
    ("srun: error: node3: task 0: Killed", {"signal": 9}),
    ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2024-01-01 DUE TO TIME LIMIT ***",
     {"error": "slurm"}),
    ("slurmstepd: error: Detected 1 oom-kill event(s) in step 7.0", {"out_of_memory": True}),
    ("ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: -9) local_rank: 0",
     {"error": "torch.distributed.elastic", "signal": 9}),
    ("WARNING:torch.distributed.elastic.agent.server.api:Received 15 death signal, shutting down",
     {"signal": 15}),
    ("RuntimeError: CUDA out of memory. Tried to allocate 20 MiB", {"out_of_memory": True}),
    ("Fatal Python error: Segmentation fault", {"error": "Fatal Python error"}),
    ("Detected KeyboardInterrupt, attempting graceful shutdown ...", {"signal": 2}),
    (" 20%|#  | 1/5 [00:00<00:00, 9.5it/s]/a.py:8: Detected KeyboardInterrupt, attempting graceful",
     {"signal": 2}),
    ("Exited with exit code 1.", {"error": "LSF", "message": "Exited with exit code 1."}),
    ("TERM_OWNER: job killed by owner.", {"error": "SIGTERM", "signal": 15}),
    ("TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.", {"out_of_memory": True}),
    ("Process finished with exit code 1", {"error": "Process finished"}),
    ("Process finished with exit code 137 (interrupted by signal 9: SIGKILL)", {"signal": 9}),
    ("/opt/lib/call.py:54: UserWarning: Detected KeyboardInterrupt, attempting graceful shutdown",
     {"error": "KeyboardInterrupt", "signal": 2}),
    ("    KeyboardInterrupt             Traceback (most recent call last)",
     {"error": "KeyboardInterrupt", "signal": 2}),
])  # fmt: skip
def test_last_words_are_heard(line, facts):
    ((number, found),) = crashes(f"fine\n{line}\nmore")
    assert number == 2
    assert facts.items() <= found.items()


@pytest.mark.parametrize("line", [
    "[2024-01-01 10:00:00,125] [INFO] [launch.py:350:main] Process 4711 exits successfully.",
    "Successfully completed.",
    "Process finished with exit code 0",
])  # fmt: skip
def test_who_started_the_process_tells_that_it_ended_well(line):
    (end,) = CrashWatcher("x.log").see(line, 7)
    assert (end.kind, end.line) == ("end", 7)


@pytest.mark.parametrize("line", [
    "2024/01/01 - ERROR - RuntimeError happened",
    "mean squared Error: 0.5",
    "Error: 0.3",
    "ValueError: handled",
    "Killed 3 workers on purpose",
    "Terminated early by patience",
    "  Killed",
    "note: Segmentation fault is a kind of crash",
    "WARNING: out of memory may occur",
    "2024/01/01 - ERROR - handled: Traceback (most recent call last):",
    "Segmentation: mIoU 0.5",
])  # fmt: skip
def test_a_mere_word_is_no_crash(line):
    assert crashes(line) == []


def test_the_same_crash_of_eight_processes_is_told_once_until_training_goes_on():
    watcher = CrashWatcher("x.log")
    lines = (TRACEBACK + "ValueError: x\n").split("\n") * 8
    told = [r for n, line in enumerate(lines) for r in watcher.see(line, n)]
    assert len(told) == 1
    watcher.training()
    assert len([r for n, line in enumerate(lines) for r in watcher.see(line, n)]) == 1


def test_a_log_that_ends_within_a_traceback():
    assert crashes(TRACEBACK)[0][1]["error"] == "traceback"
    lost = crashes(TRACEBACK + "foreign line\n" * 100)
    assert [c[0] for c in lost] == [1], "told once, and not held for ever"


def test_a_worker_failure_is_told_by_its_cause():
    lines = [
        "Traceback (most recent call last):", '  File "train.py", line 9, in <module>',
        "IndexError: Caught IndexError in DataLoader worker process 0.",
        "Original Traceback (most recent call last):", '  File "data.py", line 4, in __getitem__',
        "IndexError: index 12 is out of bounds",
    ]  # fmt: skip
    watcher = CrashWatcher("train.log")
    told = [r.facts["message"] for n, line in enumerate(lines, 1) for r in watcher.see(line, n)]
    assert told[-1] == "index 12 is out of bounds"


@pytest.mark.parametrize(
    "before", ["Epoch 0:   0%|          | 0/3005 [00:00<?, ?it/s] ", "[ERROR]"]
)
def test_a_traceback_may_begin_behind_a_bar(before):
    last = "RuntimeError: sizes must match"
    assert crashes(before + TRACEBACK + last) == crashes(TRACEBACK + last) != []


def test_deepspeed_says_that_its_launcher_was_interrupted():
    line = "[2025-02-20 20:27:14,902] [INFO] [launch.py:328:sigkill_handler] Main process received "
    assert [facts["signal"] for _, facts in crashes(line + "SIGINT, exiting")] == [2]
