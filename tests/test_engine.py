from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.engine import Session
from copilot_analytics.events import OUTDONE, OVER
from copilot_analytics.findings import Evidence, Finding, Severity
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from copilot_analytics.run import Run

LEVELS = {"i": Severity.INFO, "w": Severity.WARNING, "c": Severity.CRITICAL}


class Follows(Diagnosis):
    """Finds what a letter for each record says; a dot is nothing."""

    name: ClassVar[str] = "made_up"
    holds_for: ClassVar[int] = 2

    def __init__(self, course: str) -> None:
        self.course = course

    def check(self, run: Run, results: Any) -> Finding | None:
        severity = LEVELS.get(self.course[run.last_step - 1])
        if severity is None:
            return None
        return Finding(self.name, severity, 1, "title", "why", (Evidence("seen", "1"),), "do")


def heard(course: str) -> list[tuple[int | None, str, Severity]]:
    session = Session(analyzers=[], diagnoses=[Follows(course)])
    for step in range(1, len(course) + 1):
        session.update(Record("train", step, metrics={"loss": 1.0}, line=step))
    return [(event.step, event.kind, event.severity) for event in session.events]


@pytest.mark.parametrize(
    ("course", "events"),
    [
        ("iiii", [(2, "finding", Severity.INFO)]),
        ("iiww", [(2, "finding", Severity.INFO), (4, "finding", Severity.WARNING)]),
        ("iiwiwi", [(2, "finding", Severity.INFO)]),
        ("wwii", [(2, "finding", Severity.WARNING)]),
        ("wwiiww", [(2, "finding", Severity.WARNING)]),
        ("ww..", [(2, "finding", Severity.WARNING), (4, "resolved", Severity.WARNING)]),
        (
            "ww..ii",
            [
                (2, "finding", Severity.WARNING),
                (4, "resolved", Severity.WARNING),
                (6, "finding", Severity.INFO),
            ],
        ),
    ],
)
def test_a_finding_is_news_again_only_when_it_becomes_graver(
    course: str, events: list[tuple[int, str, Severity]]
) -> None:
    assert heard(course) == events


class Lesser(Follows):
    """What gives way."""

    name: ClassVar[str] = "lesser"


class Worse(Follows):
    """What takes its place."""

    name: ClassVar[str] = "worse"


@pytest.mark.parametrize(
    ("troubles", "lesser", "worse", "says"),
    [
        (("overfitting", "overfitting"), "iiii..", "....ww", OUTDONE),
        (("overfitting", "divergence"), "wwww..", "..cccc", OUTDONE),
        (("spike", "overfitting"), "wwww..", "..wwww", OVER),  # beside it, not in its place
        (("overfitting", "divergence"), "..ww..", "cccccc", OVER),  # it was there before
        (("overfitting", "overfitting"), "wwww..", "..iiii", OVER),
        (("pace", "pace"), "iiii..", "..wwww", OVER),
        ((None, "nan"), "iiii..", "..cccc", OVER),
    ],
)
def test_what_gave_way_to_something_worse_is_not_called_over(
    troubles: tuple[Any, Any], lesser: str, worse: str, says: str
) -> None:
    rules = [Lesser(lesser), Worse(worse)]
    for rule, trouble in zip(rules, troubles, strict=True):
        rule.__dict__["trouble"] = trouble
    session = Session(analyzers=[], diagnoses=rules)
    for step in range(1, len(lesser) + 1):
        session.update(Record("train", step, metrics={"loss": 1.0}, line=step))
    (over,) = (event for event in session.events if event.kind == "resolved")
    assert over.key == "lesser" and over.text.startswith(says)
