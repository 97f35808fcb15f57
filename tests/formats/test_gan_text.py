"""Loss logs that several processes opened one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot_analytics import analyze

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "================ Training Loss (Fri Mar  1 10:0{}:00 2024) ================\n"
ROW = "(epoch: {}, iters: {}, time: 0.500, data: 0.125) D_A: 0.{}50 G_A: 0.250 \n"


def test_each_process_that_begins_anew_is_a_run(tmp_path: Path) -> None:
    log = tmp_path / "loss_log.txt"
    starts = [HEAD.format(n) + HEAD.format(n) + ROW.format(1, 100, n) for n in range(3)]
    log.write_text("".join(starts) + HEAD.format(4))

    analysis = analyze(log, now=4e9)

    assert analysis.earlier_runs == 2
    assert analysis.run.train_series("D_A").value.tolist() == [0.25]


def test_a_process_that_goes_on_is_the_same_run(tmp_path: Path) -> None:
    log = tmp_path / "loss_log.txt"
    first = "".join(ROW.format(epoch, iters, epoch) for epoch in (1, 2) for iters in (100, 200))
    log.write_text(HEAD.format(1) + first + HEAD.format(2) + ROW.format(3, 100, 3))

    analysis = analyze(log, now=4e9)

    assert analysis.earlier_runs == 0
    assert analysis.run.train_series("D_A").step.tolist() == [100, 200, 300, 400, 500]


@pytest.mark.parametrize(
    "line",
    [
        "(epoch: 1 , iters: 50  , time: 1.500) D_A: 0.5 \n",
        "(epoch: 1, iters: 50, time: 1.500, data: 0.125) D_A: 0.5 \n",
        "epoch: 1, iters: 50, time: 1.500 D_A: 0.5 \n",
    ],
)
def test_brackets_and_padded_counts_make_no_difference(tmp_path: Path, line: str) -> None:
    log = tmp_path / "loss_log.txt"
    log.write_text(line)

    series = analyze(log, now=4e9).run.train_series("D_A")

    assert (series.step.tolist(), series.value.tolist()) == ([50], [0.5])
