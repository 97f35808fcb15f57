"""Real logs of OpenMMLab, where they are at hand."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from statements import read_file

from copilot_analytics.formats.mmcv_json import FORMAT as MMCV_JSON
from copilot_analytics.formats.mmcv_text import FORMAT as MMCV_TEXT
from copilot_analytics.formats.mmengine_json import FORMAT as MMENGINE_JSON
from copilot_analytics.formats.mmengine_text import FORMAT as MMENGINE_TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.formats._base import LogFormat
    from copilot_analytics.run import Run

FORMATS: dict[str, LogFormat] = {
    log_format.name: log_format
    for log_format in (MMENGINE_TEXT, MMENGINE_JSON, MMCV_TEXT, MMCV_JSON)
}
HEAD = 4_000_000

# Half a unit of the last digit that the coarser of the two logs prints.
ABSOLUTE = {"lr": 6e-6, "iter_time_s": 6e-4, "data_time_s": 6e-4}
RELATIVE = {"lr": 6e-4}


@pytest.fixture(scope="module")
def manifest(shared: Path) -> list[dict[str, str]]:
    rows = csv.DictReader((shared / "corpus" / "manifest.csv").read_text("utf-8").splitlines())
    return [row for row in rows if (shared / "corpus" / row["file"]).exists()]


def test_every_training_line_and_result_is_read(
    shared: Path, manifest: list[dict[str, str]]
) -> None:
    rows = [row for row in manifest if row["family"] in FORMATS]
    assert rows
    for row in rows:
        run = read_file(FORMATS[row["family"]], shared / "corpus" / row["file"])
        planned = run.meta.planned_epochs or run.meta.planned_steps
        found = (len(run.train_log), len(run.eval_log))
        expected = tuple(int(row[k] or 0) for k in ("train_points", "val_points"))
        assert found == expected, row["file"]
        if row["family"].endswith("_text"):
            assert planned == int(row["planned_total"]), row["file"]


def test_detection_is_right_and_never_claims_others(
    shared: Path, manifest: list[dict[str, str]]
) -> None:
    for row in manifest:
        with (shared / "corpus" / row["file"]).open("rb") as stream:
            text = stream.read(HEAD).decode("utf-8", "replace")
        lines = text.replace("\r", "\n").split("\n")[:500]
        for name, log_format in FORMATS.items():
            confidence = log_format.confidence(lines)
            if name == row["family"]:
                assert confidence >= 0.6, row["file"]
            else:
                assert confidence < 0.5, (name, row["file"])


def test_text_and_json_of_one_run_agree(shared: Path, manifest: list[dict[str, str]]) -> None:
    here = {row["file"] for row in manifest}
    pairs = [
        (row["file"], row["notes"].partition("twin: ")[2].split(";")[0].strip())
        for row in manifest
        if "twin: " in row["notes"] and row["family"].endswith("_text")
    ]
    pairs = [pair for pair in pairs if pair[1] in here]
    assert pairs
    for text_file, json_file in pairs:
        text, other = (
            read_file(FORMATS[file.partition("/")[0]], shared / "corpus" / file)
            for file in (text_file, json_file)
        )
        _assert_same_train(text, other)
        _assert_same_eval(text, other)


def _assert_same_train(text: Run, other: Run) -> None:
    assert len(text.train_log) == len(other.train_log)
    if not len(text.train_log):
        return
    names = set(text.train_log.metric_names) - {"eta_s"}
    assert names == set(other.train_log.metric_names)
    for name in names:
        np.testing.assert_allclose(
            text.train_log.column(name),
            other.train_log.column(name),
            rtol=RELATIVE.get(name, 1e-9),
            atol=ABSOLUTE.get(name, 6e-5),
            err_msg=name,
        )
    bound = other.train_log.step <= text.train_log.step
    assert bound.all()
    if other.meta.steps_per_epoch_exact and other.train_log.epoch[0] <= 1:
        np.testing.assert_array_equal(text.train_log.step, other.train_log.step)


def _assert_same_eval(text: Run, other: Run) -> None:
    assert len(text.eval_log) == len(other.eval_log) > 0
    np.testing.assert_array_equal(text.eval_log.epoch, other.eval_log.epoch)
    names = set(text.eval_log.metric_names)
    assert names == set(other.eval_log.metric_names) - {"lr"}
    for name in names:
        np.testing.assert_allclose(
            text.eval_log.column(name),
            other.eval_log.column(name),
            rtol=1e-9,
            atol=6e-4 if name in ABSOLUTE else 6e-5,
            err_msg=name,
        )
