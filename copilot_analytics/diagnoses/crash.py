"""The process failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.analyzers._plan import saved_at
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._shown import lines, where
from copilot_analytics.findings import LAST, UNNAMED, Evidence, Finding, Severity, WayBack

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.diagnoses._base import Trouble
    from copilot_analytics.run import Run

_MOST_NAMED = 5  # of which one may have been broken off


class Crash(Diagnosis):
    """The log shows a failure that ended the run, other than want of memory."""

    name: ClassVar[str] = "crash"
    trouble: ClassVar[Trouble | None] = "crash"
    headline: ClassVar[str] = "CRASHED"
    needs = (LifecycleAnalyzer,)

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding once the log shows the crash."""
        life = results.of(LifecycleAnalyzer)
        failure = life.error or life.reason
        if life.status != "crashed" or life.out_of_memory:
            return None
        evidence = [Evidence("failure", failure, "", lines(life.line))]
        todo = f"Mend the cause and resume from {LAST} {UNNAMED}."
        if run.checkpoints:
            saved = run.checkpoints[-1]
            step, path = saved_at(run, saved), saved.facts.get("path")
            place = LAST if step is None else f"the one of {where(run, step)}"
            todo = f"Mend the cause and resume from {path or place}."
            evidence.append(Evidence("last checkpoint", str(path or place), "", lines(saved.line)))
        at = where(run, run.last_step)
        meaning = f"The log ends with this failure at {at}, and nothing was trained after it."
        if not life.line:
            meaning = (
                f"Its process ended at {at} with this failure, which stands beside the log, and "
                "nothing was trained after it."
            )
        if life.unsaid:
            meaning = (
                f"The process is gone at {at} and the log has no end: it was killed, or memory "
                "ran out; `dmesg` knows."
            )
            todo = todo.replace("Mend the cause", "Find out why (see `dmesg`)")
        told = f"the run crashed at {at}: {failure}"
        if not (len(run.train_log) or len(run.eval_log) or run.last_step):
            told = f"the run crashed before its first step: {failure}"
            meaning = "No row of training is logged, and this failure is its process's last word."
            todo = "Mend the cause and start it again."
        return Finding(
            self.name,
            Severity.CRITICAL,
            run.last_step,
            told,
            meaning,
            tuple(evidence),
            todo,
            _newest(run),
        )


def _newest(run: Run) -> tuple[WayBack, ...]:
    paths = [saved.facts.get("path") for saved in run.checkpoints[-_MOST_NAMED:]]
    if not paths or not paths[-1]:
        return ()
    return tuple(WayBack(str(path), str(path)) for path in reversed(paths) if path)


DIAGNOSIS = Crash()
