from __future__ import annotations

import subprocess
import sys

import pytest

from copilot_analytics.errors import LogNotFoundError
from copilot_analytics.reading.explain import explain

LOG = """\
number of parameters: 0.80M
step 0: train loss 4.2101, val loss 4.2208
iter 0: loss 4.2153, time 1530.25ms, mfu -100.00%
iter 10: loss 3.1022, time 50.00ms, mfu 12.25%
iter 20: loss 2.9022, time 51.00ms, mfu 12.50%
GPU 3 at 61 degrees
GPU 3 at 62 degrees
saving checkpoint to out-toy
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "train.log"
    path.write_text(LOG)
    return path


def test_each_kind_of_line_is_told_with_what_it_became(log):
    found = explain(log)
    assert found.detection is not None and found.detection.format == "nanogpt_text"
    by_line = {one.line: one for one in found.templates}
    assert by_line[3].count == by_line[3].read == 3
    assert by_line[3].became == {"train": ["loss", "iter_time_s"]}
    assert set(by_line[2].became) == {"train", "eval"}
    assert by_line[8].became == {"checkpoint": ["path"]}
    assert by_line[6].count == 2 and not by_line[6].became
    assert [one.line for one in found.templates][-2:] == [6, 1], "what was not read comes last"


def test_a_log_that_is_not_understood_is_shown_all_the_same(tmp_path):
    path = tmp_path / "diary.txt"
    path.write_text("Dear diary,\n" + "".join(f"it rained {n} mm\n" for n in range(9)))
    found = explain(path)
    assert "no training" in found.refusal
    assert found.templates[0].shape == "it rained # mm" and found.templates[0].count == 9
    with pytest.raises(LogNotFoundError):
        explain(tmp_path / "nowhere")


def run(*arguments):
    command = [sys.executable, "-m", "copilot_cli", "formats", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_explains_a_file(log, tmp_path):
    told = run("explain", log)
    assert told.returncode == 0
    assert "nanogpt_text" in told.stdout and "train: loss, iter_time_s" in told.stdout
    assert "GPU 3 at 61 degrees" in told.stdout and "not read" in told.stdout
    (tmp_path / "diary.txt").write_text("Dear diary,\n")
    refused = run("explain", tmp_path / "diary.txt")
    assert refused.returncode == 1 and "no training" in refused.stdout
    assert run("explain").returncode == 2
    assert run("list", log).returncode == 2
    assert "nanogpt_text" in run().stdout
