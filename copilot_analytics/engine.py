"""The session: records in, findings and events out, for a finished log and a growing one alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from copilot_analytics.analyzers._base import Analyzer, Fold, Options, Results
from copilot_analytics.analyzers._fold_results import FoldResult, result_of_fold
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.diagnoses._worse import gives_way
from copilot_analytics.events import OUTDONE, OVER, Event
from copilot_analytics.findings import Severity
from copilot_analytics.plugins import discover
from copilot_analytics.records import WATCHED, Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.diagnoses._base import Diagnosis
    from copilot_analytics.findings import Finding, NotJudged
    from copilot_analytics.run import Run

_DAY_S = 86400.0


@dataclass
class _Standing:
    """How long a diagnosis has held or failed, what it found, and what was told of that."""

    finding: Finding | None = None
    active: bool = False
    streak: int = 0
    told: Severity = Severity.INFO
    title: str = ""
    since: int = 0  # events before it counted


class Session:
    """Runs analyzers and diagnoses over the records of one log.

    Parameters
    ----------
    options
        What the user asks for.
    analyzers
        Analyzer classes; None takes all that are installed.
    diagnoses
        Rules; None takes all that are installed.
    path
        The log, for people.

    Attributes
    ----------
    events : list of Event
        Everything that became known, in the order of the log.

    Examples
    --------
    >>> session = Session()
    >>> nan = Record("train", step=10, metrics={"loss": float("nan")}, line=3)
    >>> session.update(nan)
    >>> [finding.id for finding in session.findings]
    ['loss_nan']
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        analyzers: Iterable[type[Analyzer[Any]]] | None = None,
        diagnoses: Iterable[Diagnosis] | None = None,
        path: str = "",
    ) -> None:
        if analyzers is None:
            analyzers = discover("copilot_analytics.analyzers", "ANALYZER").values()
        if diagnoses is None:
            diagnoses = discover("copilot_analytics.diagnoses", "DIAGNOSIS").values()
        self._diagnoses = tuple(diagnoses)
        kinds = [*analyzers, *(need for rule in self._diagnoses for need in rule.needs)]
        self._fold = Fold(kinds, options, on_look=self._judge, path=path)
        self._standing: dict[str, _Standing] = {}
        self._judged_run = self._fold.run
        self._waited_until: float | None = None
        self._ended_folds: list[FoldResult] = []
        self.events: list[Event] = []

    @property
    def run(self) -> Run:
        """The run as it stands."""
        return self._fold.run

    @property
    def earlier_runs(self) -> list[Run]:
        """Runs that the log held before its last launch."""
        return self._fold.earlier

    @property
    def folds(self) -> list[FoldResult]:
        """What became of each fold that the log holds, the one that goes on last."""
        last = self._fold_result() if self._ended_folds else None
        return [*self._ended_folds, last] if last is not None else list(self._ended_folds)

    @property
    def results(self) -> Results:
        """What the analyzers say now."""
        return self._fold.results

    @property
    def findings(self) -> list[Finding]:
        """What the diagnoses say now, the most urgent first, then in the order of the log."""
        standing = {name: s.finding for name, s in self._standing.items() if s.active and s.finding}
        more = {rule.name: rule.superseded_by for rule in self._diagnoses}
        active = [found for name, found in standing.items() if more[name] not in standing]
        return sorted(active, key=lambda finding: (-finding.severity, finding.step or 0))

    @property
    def not_judged(self) -> list[NotJudged]:
        """Questions that the log does not answer."""
        answers = self.results.by_name().values()
        return [gap for answer in answers for gap in getattr(answer, "not_judged", ())]

    def update(self, item: Item) -> None:
        """Take one record or block."""
        if isinstance(item, Block) or item.kind not in WATCHED:
            self._waited_until = None
        elif item.kind == "tick" and item.time is not None:
            self._waited_until = item.time
        if isinstance(item, Record) and item.kind == "launch":
            self._put_aside(item)
        else:
            self._fold.update(item)

    def _put_aside(self, launch: Record) -> None:
        """Begin another run, and keep what became of the one before if it was a fold."""
        ended, result = self.run, self._fold_result()
        self._fold.update(launch)
        if result is not None and self.run is not ended:
            self._ended_folds.append(result)

    def _fold_result(self) -> FoldResult | None:
        return result_of_fold(self.run, self.results.by_name().get(MetricAnalyzer.name))

    def close(self, *, silence_s: float | None = None) -> None:
        """Say that the log ends here.

        Parameters
        ----------
        silence_s
            Seconds since its last sign of life; None if it is over for good.
        """
        self.update(self.closing(silence_s=silence_s))

    def closing(self, *, silence_s: float | None = None) -> Record:
        """Return the tick by which `close` says that the log ends here.

        It comes no earlier than one that told of a silence before it.
        """
        facts: dict[str, Any] = {"final": True}
        at = self.run.last_time
        if silence_s is not None:
            facts["silence_s"] = silence_s
            at = None if at is None else at + min(silence_s, _DAY_S)
        if at is not None and self._waited_until is not None:
            at = max(at, self._waited_until)
        last = self.run.last
        return Record("tick", time=at, line=last.line if last else 0, facts=facts)

    def _judge(self, run: Run, results: Results, record: Record, news: list[Event]) -> None:
        if run is not self._judged_run:
            self._standing, self._judged_run = {}, run
        self.events.extend(news)
        before = len(self.events)
        for rule in self._diagnoses:
            if rule.counted_in == "eval" and record.kind not in {"eval", "end", "tick"}:
                continue
            if record.kind == "gpu" and not any(need.follows_gpu for need in rule.needs):
                continue
            standing = self._standing.get(rule.name)
            if standing is None:
                standing = self._standing[rule.name] = _Standing()
            if rule.lasting and standing.active:
                continue
            finding = rule.check(run, results)
            if finding is None and standing.active and standing.finding is not None:
                finding = rule.still(run, results, standing.finding)
            self._weigh(rule, standing, finding, record)
        for at in range(before, len(self.events)):
            if self.events[at].kind == "resolved":
                self.events[at] = self._ending(self.events[at])

    def _weigh(
        self, rule: Diagnosis, standing: _Standing, finding: Finding | None, record: Record
    ) -> None:
        """Let a finding count, or take it back, once it has held or failed long enough.

        One that becomes more urgent is news again; one that becomes less so is not over.
        """
        graver = standing.active and finding is not None and finding.severity > standing.told
        if (finding is not None) == standing.active and not graver:
            standing.streak = 0
            standing.finding = finding or standing.finding
            return
        standing.streak += 1
        if finding is not None:
            standing.finding = finding
        if standing.streak < rule.holds_for or standing.finding is None:
            return
        if finding is not None and not standing.active:
            standing.since = len(self.events)
        standing.active, standing.streak = finding is not None, 0
        kept = standing.finding
        standing.told = kept.severity
        standing.title = kept.title if standing.active else standing.title  # it may count further
        self.events.append(
            Event(
                "finding" if standing.active else "resolved",
                kept.id,
                self.run.last_step,
                record.time if record.time is not None else self.run.last_time,
                record.line,
                standing.title,
                kept.severity,
            )
        )

    def _ending(self, event: Event) -> Event:
        """Say that a finding is over, or what took its place if that is worse.

        A graver one of the same trouble, or one of a worse trouble that began meanwhile.
        """
        over = self._standing[event.key]
        trouble = {rule.name: rule.trouble for rule in self._diagnoses}
        for worse in self.findings:
            if worse.id == event.key or not gives_way(trouble[event.key], trouble[worse.id]):
                continue
            if trouble[event.key] == trouble[worse.id]:
                is_worse = worse.severity > event.severity
            else:
                began_meanwhile = self._standing[worse.id].since > over.since
                is_worse = began_meanwhile and worse.severity >= event.severity
            if is_worse:
                return replace(event, text=f"{OUTDONE}{worse.title} (until now: {event.text})")
        return replace(event, text=f"{OVER}{event.text}")
