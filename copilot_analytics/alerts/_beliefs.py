"""What is true of a run, what the reader believes of it, and what waits in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot_analytics.alerts import rules
from copilot_analytics.alerts.message import Decision, Tiding, Verdict, event_id
from copilot_analytics.alerts.rules import PolicyOptions, opens
from copilot_analytics.events import ENDED

if TYPE_CHECKING:
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.events import Event

BECAME_MORE = "became more"
"""Why nothing is said of the end of what only went further."""


@dataclass(slots=True)
class Held:
    """An event about which nothing is decided yet."""

    id: str
    event: Event
    seen_at: float
    seen_tick: int
    quiet: bool = False


@dataclass(slots=True)
class Subject:
    """What is true of a subject, and what the reader believes."""

    truth: Event | None = None
    belief: Event | None = None
    newest: str = ""
    told_at: dict[str, float] = field(default_factory=dict)
    changes: dict[str, list[float]] = field(default_factory=dict)
    unstable: set[str] = field(default_factory=set)
    holds: bool = False  # the finding, also where it is only worth knowing


class Beliefs:
    """The subjects of a run: what is true, what was told, and what is held.

    Parameters
    ----------
    options
        How patient the policy is.
    """

    def __init__(self, options: PolicyOptions | None = None) -> None:
        self.options = options or PolicyOptions()
        self.muted_until: float | None = None
        self._reset("")

    def is_quiet(self, now: float) -> bool:
        """Tell whether only critical news passes now."""
        return self.quiet_until(now) is not None

    def quiet_until(self, now: float) -> float | None:
        """Return when a mute and the quiet hours are over, None if neither lasts now.

        Quiet hours that have begun by the end of a mute count too.
        """
        until, quiet = max(now, self.muted_until or now), self.options.quiet
        if quiet is not None and quiet.covers(until):
            until = quiet.end_after(until)
        return until if until > now else None

    @property
    def end_is_told(self) -> bool:
        """Whether the reader knows that the run has ended."""
        status = self._subjects.get("status", Subject()).belief
        return status is not None and status.key in ENDED

    @property
    def waits(self) -> bool:
        """Whether anything is held back that may be told later on."""
        return bool(self._held or self._passed)

    def since_urged_s(self, now: float) -> tuple[float, float] | None:
        """Return how long after the advice to stop the reader heard of it, and how long ago.

        Every message says so while the advice stands, whatever it tells of but a silence; one that
        told before that the loss is NaN said it too. None if none did.
        """
        if self._advised_at is None or self._urged_at is None:
            return None
        return self._urged_at - self._advised_at, now - self._urged_at

    @property
    def urged(self) -> Event | None:
        """The advice to stop that stands, once the reader has heard of it; None if none does."""
        advice = self._subjects.get("advice")
        return advice.truth if advice is not None and self._urged_at is not None else None

    @property
    def decisions(self) -> list[Decision]:
        """What the last call decided.

        The ledger takes it in the same transaction as the messages, so that a restart neither
        repeats nor forgets.
        """
        return list(self._noted.values())

    def _reset(self, run_key: str) -> None:
        self._run_key = run_key
        self._tick = 0
        self._known: set[str] = set()
        self._held: dict[str, Held] = {}
        self._subjects: dict[str, Subject] = {}
        self._passed: list[tuple[Held, Tiding]] = []
        self._noted: dict[str, Decision] = {}
        self._advised_at: float | None = None
        self._urged_at: float | None = None
        self._unstable_at: float | None = None

    def _advance(self, context: Context) -> None:
        if context.run_key != self._run_key:
            self._reset(context.run_key)
        self._tick += 1
        self._noted = {}

    def _meet(self, event: Event, now: float, *, is_past: bool = False) -> None:
        """Take an event and drop what it makes void.

        What came and went while it was quiet is told in the morning, but for the past of a run.
        """
        if event.kind not in rules.SUBJECTS:
            return
        name = event_id(self._run_key, event)
        if name in self._known:
            return
        subject = self._subjects.get(rules.subject_of(event))
        older = self._held.get(subject.newest) if subject is not None else None
        changed = self._take(event, now, name)
        held = self._held[name]
        held.quiet = held.quiet and not is_past
        if not changed:
            self._settle(held, "dropped", "nothing changed", now)
            return
        self._note(Decision(name, self._run_key, event, now, self._tick))
        if older is not None:
            passed = older.quiet and opens(older.event) and not opens(event)
            self._settle(older, "dropped", "passed" if passed else "overtaken", now)

    def _take(self, event: Event, now: float, name: str) -> bool:
        """Note what is true now; return whether that is a change."""
        self._known.add(name)
        self._held[name] = Held(name, event, now, self._tick, self.is_quiet(now))
        subject = self._subjects.setdefault(rules.subject_of(event), Subject())
        truth = subject.truth
        began = opens(event)
        is_finding, holds = event.kind in {"finding", "resolved"}, event.kind == "finding"
        if is_finding and holds != subject.holds:
            subject.holds = holds
            self._count(subject, event.key, now)
        if truth is None and not began:
            return False
        if truth is not None and began and truth.key == event.key:
            if event.severity <= truth.severity and not rules.adds_to(event, truth):
                return False
        elif not is_finding:
            for key in {event.key if began else None, truth.key if truth else None} - {None}:
                self._count(subject, str(key), now)
        if event.kind == "advice" and not (began and truth is not None):
            self._advised_at, self._urged_at = (now if began else None), None
            if began and self._was_told_to_stop:
                self._urged_at = now
        subject.truth = event if began else None
        subject.newest = name
        return True

    def _count(self, subject: Subject, key: str, now: float) -> None:
        """Note that something of a subject came or went."""
        times = subject.changes.setdefault(key, [])
        if key in subject.unstable and not 0.0 <= now - times[-1] < self.options.calm_s:
            subject.unstable.discard(key)
            times.clear()
        times.append(now)
        del times[: -max(self.options.flap_changes, 1)]

    @property
    def _was_told_to_stop(self) -> bool:
        """Whether the reader was told to stop with another thing, which still lasts."""
        known = (one.belief for one in self._subjects.values() if one.truth is not None)
        return any(rules.says_stop(told) for told in known if told is not None)

    def _settle(self, held: Held, verdict: Verdict, reason: str, now: float) -> None:
        self._held.pop(held.id, None)
        self._believe(held, verdict, reason, now)
        self._note(
            Decision(
                held.id,
                self._run_key,
                held.event,
                held.seen_at,
                held.seen_tick,
                verdict,
                reason,
                now,
                self._tick,
            ),
        )

    def _forget_passed(self, now: float) -> list[str]:
        """Note that what came and went is told of; return its ids."""
        passed, self._passed = self._passed, []
        for held, _ in passed:
            self._settle(held, "told", "passed", now)
        return [held.id for held, _ in passed]

    def _believe(self, held: Held, verdict: Verdict, reason: str, now: float) -> None:
        """Note what the reader knows once a verdict has fallen."""
        event = held.event
        subject = self._subjects.setdefault(rules.subject_of(event), Subject())
        if verdict == "dropped":
            if reason == BECAME_MORE:
                subject.belief = None
            if reason == "passed":
                lasted_s = now - held.seen_at
                self._passed.append((held, Tiding("passed", event, None, lasted_s)))
            return
        if verdict != "told" or reason == "passed":
            return
        is_said = reason != "summary" and (event.kind, event.key) != ("status", "stalled")
        if self._advised_at is not None and self._urged_at is None and is_said:
            self._urged_at = now
        if reason == "unstable":
            subject.unstable.add(event.key)
            self._unstable_at = now
        if opens(event):
            subject.belief = event
            subject.told_at[event.key] = now
        else:
            subject.belief = None

    def _became_more(self, told: Event) -> bool:
        """Tell whether what was told is over because it went on: a plateau that is convergence.

        It was not wrong, and the message about the phase says what it became.
        """
        phase = self._subjects.get("phase", Subject()).truth
        return (
            phase is not None and phase.key == "CONVERGED" and rules.trouble_of(told) == "plateau"
        )

    def _note(self, decision: Decision) -> None:
        self._noted[decision.event_id] = decision
