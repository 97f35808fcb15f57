"""The JSON document, the files of a report and what they are called."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from copilot_analytics import analyze
from copilot_analytics.errors import CopilotError
from copilot_analytics.report.document import document, json_schema, to_json
from copilot_analytics.report.markdown import name_of
from copilot_analytics.report.writing import slug, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.analysis import Analysis


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("resnet_cutmix/logs/train.log", "resnet_cutmix"),
        ("work_dirs/dcn_final/20240102_030405.log", "dcn_final"),
        ("runs/detect/train3/results.csv", "train3"),
        ("/lightning_logs/version_0/metrics.csv", "metrics"),
        ("train.log", "here"),
        ("cars/runs/t/train.log", "t"),
        ("cars/runs/t5/output.log", "t5"),
        ("cars/2024-01-31T09-30-00/train.log", "cars"),
        ("bert-small/checkpoint-500/trainer_state.json", "bert-small"),
        ("dcn_final.log.json", "dcn_final"),
    ],
)
def test_a_run_without_a_name_is_called_by_what_its_path_tells(
    analysis, path, name, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    meta = dataclasses.replace(analysis.run.meta, name=None)
    run = dataclasses.replace(analysis.run, path=path, meta=meta)
    assert name_of(dataclasses.replace(analysis, run=run)) == name


def test_document_follows_its_schema(analysis: Analysis) -> None:
    found = document(analysis)
    jsonschema.validate(found, json_schema())
    assert found["run"]["planned_steps"] == 12000
    assert found["forecast"]["p_gain"] == {
        "probability": 0.23,
        "delta": 0.005,
        "horizon_steps": 4000,
    }
    assert found["events"][0]["time"] == "2023-11-14T22:13:20"


def test_document_without_answers_follows_its_schema(analysis: Analysis) -> None:
    empty = dataclasses.replace(
        analysis,
        metric=type(analysis.metric)(),
        eta=type(analysis.eta)(),
        forecast=type(analysis.forecast)(),
    )
    found = document(empty)
    jsonschema.validate(found, json_schema())
    assert found["metric"] is None
    assert found["eta"] is None
    assert found["forecast"] is None


def test_json_is_strict_even_with_numbers_that_are_not_finite(analysis: Analysis) -> None:
    odd = dataclasses.replace(analysis.metric, last=float("nan"), best=float("inf"))
    text = to_json(dataclasses.replace(analysis, metric=odd))

    def refuse(name: str) -> float:
        raise AssertionError(name)

    found = json.loads(text, parse_constant=refuse)
    assert (found["metric"]["last"], found["metric"]["best"]) == ("nan", "inf")
    jsonschema.validate(found, json_schema())


def test_report_is_written_with_its_figures(analysis: Analysis, tmp_path: Path) -> None:
    path = write_report(analysis, tmp_path)
    assert path == tmp_path / "config_dent_dcn" / "report.md"
    names = sorted(file.name for file in path.parent.iterdir())
    assert names == ["loss.png", "memory.png", "metric.png", "report.md", "speed.png"]
    for name in names:
        if name.endswith(".png"):
            assert f"]({name})" in path.read_text(encoding="utf-8")


def test_a_directory_that_cannot_be_written_is_told(analysis: Analysis, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(CopilotError, match="name another directory with -o"):
        write_report(analysis, blocker)


def test_an_analysis_is_written_in_one_line_and_names_its_analyzers(analysis: Analysis) -> None:
    text = repr(analysis)
    assert len(text) < 200
    assert analysis.life.status in text
    assert f"best {analysis.metric.name}" in text
    told = dataclasses.replace(analysis, others={"trend": 1, "eta": 2})
    assert told["trend"] == 1
    with pytest.raises(KeyError, match=r"'foo'; there are: eta, trend"):
        told["foo"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\x", "CON.txt", "a" * 300, "\u202eevil", "..", "日本"]
)
def test_slugs_stay_inside_their_directory(name: str) -> None:
    safe = slug(name)
    assert safe
    assert len(safe) <= 90
    assert not {"/", "\\", ":", "\u202e"} & set(safe)
    assert safe not in {".", ".."}


def test_summary_and_html(analysis: Analysis) -> None:
    frame = analysis.summary
    assert list(frame.columns) == ["question", "answer", "why"]
    assert (
        frame.set_index("question").loc["time left", "answer"] == "40 min (80 %: 38 min – 43 min)"
    )
    html = analysis._repr_html_()
    assert "data:image/png;base64," in html
    assert "<script" not in html


def test_another_log_of_the_same_name_keeps_its_report(analysis: Analysis, tmp_path: Path) -> None:
    first = write_report(analysis, tmp_path)
    assert write_report(analysis, tmp_path) == first
    analysis.run.path = "elsewhere/train.log"
    second = write_report(analysis, tmp_path)
    assert second != first
    assert write_report(analysis, tmp_path) == second
    assert "elsewhere" not in first.read_text(encoding="utf-8")


def test_one_log_has_one_report_however_its_path_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{n},{2 / n}\n" for n in range(1, 20))
    (tmp_path / "metrics.csv").write_text(f"epoch,train_loss\n{rows}")
    relative = analyze("metrics.csv").save(tmp_path / "reports")
    absolute = analyze(tmp_path / "metrics.csv").save(tmp_path / "reports")
    assert absolute == relative
