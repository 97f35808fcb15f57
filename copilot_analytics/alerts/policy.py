"""Whether an event becomes a message: a pure function of events and time.

For each subject (the phase, the status, the advice, each finding) the policy keeps what is true
and what the reader believes, that is, what was told last. A message tells the difference, once it
has lasted; where both agree again before that, there is nothing to tell. What must wait (for
company, for a cooldown to end, for something worse to end, for the morning) is held, not lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from copilot_analytics.alerts import rules
from copilot_analytics.alerts._beliefs import BECAME_MORE, Beliefs, Held, Subject
from copilot_analytics.alerts._durations import between
from copilot_analytics.alerts._order import (
    kind_of,
    order_of,
    waits_for_none,
    weight_of,
    without_doubles,
)
from copilot_analytics.alerts._standing import (
    goes_on,
    is_in_doubt,
    is_outranked,
    is_told_elsewhere,
    is_too_late,
    is_void,
)
from copilot_analytics.alerts.message import Decision, Message, MessageKind, Tiding, digest_of
from copilot_analytics.alerts.rules import PolicyOptions, at_once, opens, trouble_of
from copilot_analytics.events import ENDED
from copilot_analytics.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.events import Event
    from copilot_analytics.report.which_checkpoint import Look


@dataclass(frozen=True, slots=True)
class Context:
    """What a message may say beyond its events.

    Parameters
    ----------
    run_key, run_name
        Which run; the key is stable over restarts, the name is for people. Each launch in one
        log is a run with a key of its own.
    analysis
        Returns the analysis as of now; called only when a message is due. None: words come from
        the events alone.
    silence_s, process
        For how long the log said nothing, and what is known of its process, if somebody looked.
    successor
        Name of a log beside it that may be a resume and has not trained yet; empty if none is.
    look
        Looks for checkpoints on the disk. None: nobody does, as when a past is replayed.
    """

    run_key: str
    run_name: str
    analysis: Callable[[], Analysis] | None = None
    silence_s: float | None = None
    process: str = ""
    successor: str = ""
    look: Look | None = None


class Policy(Beliefs):
    """Decides what is told, and when.

    Parameters
    ----------
    options
        How patient it is.

    Examples
    --------
    >>> from copilot_analytics.events import Event
    >>> from copilot_analytics.findings import Severity
    >>> policy, context = Policy(), Context("key", "my_run")
    >>> flat = Event("finding", "true_plateau", 900, None, 90, "flat", Severity.WARNING)
    >>> policy.step([flat], 0.0, context)  # waits for company
    []
    >>> [message.title for message in policy.step([], 60.0, context)]
    ['🟠 PLATEAU DETECTED   my_run']
    """

    @classmethod
    def restore(
        cls,
        rows: Iterable[Decision],
        options: PolicyOptions | None = None,
        muted_until: float | None = None,
    ) -> Policy:
        """Return a policy in the state that these decisions left, in whatever order they come."""
        policy = cls(options)
        policy.muted_until = muted_until
        rows = list(rows)
        if rows:
            policy._reset(rows[0].run_key)
        moves: list[tuple[int, int, int, Decision]] = []
        for order, row in enumerate(sorted(rows, key=lambda row: row.seen_tick)):
            moves.append((row.seen_tick, 0, order, row))
            if row.decided_tick is not None:
                moves.append((max(row.decided_tick, row.seen_tick), 1, order, row))
        for tick, phase, _, row in sorted(moves, key=lambda move: move[:3]):
            policy._tick = tick
            if phase == 0:
                policy._take(row.event, row.seen_at, row.event_id)
            elif row.decided_at is not None:
                held = Held(row.event_id, row.event, row.seen_at, row.seen_tick)
                policy._held.pop(row.event_id, None)
                policy._believe(held, row.verdict, row.reason, row.decided_at)
        return policy

    def step(self, news: Iterable[Event], now: float, context: Context) -> list[Message]:
        """Take new events and return what is to be told now: no message, or one.

        Parameters
        ----------
        news
            Events since the last call. Those that were met before are left out, so after a
            restart or a conflict all events of the session may be given again.
        now
            Seconds since 1970. Within a watch it must not run backwards; what an earlier one noted
            in the future, by a clock that was wrong, keeps nothing waiting.
        context
            The run, and its analysis for the words.
        """
        self._advance(context)
        for event in news:
            self._meet(event, now)
        return self._tell(now, context)

    def attach(
        self, past: Iterable[Event], now: float, context: Context, *, tell_past: bool = False
    ) -> list[Message]:
        """Return the first message of a run, after one digest of its past if asked for.

        The first weighs as much as the worst that it says of a run that has not finished: a run
        that is broken already must pass a mute as one that breaks later does. The digest names
        phases, the best value, and trouble that came and went.

        Parameters
        ----------
        past
            Events from before the supervision began; they are never told one by one.
        now, context
            As in `step`.
        tell_past
            Whether the past is told as a digest.
        """
        from copilot_analytics.alerts import wording
        from copilot_analytics.alerts.so_far import is_said, so_far

        self._advance(context)
        past = list(past)
        for event in past:
            self._meet(event, now, is_past=True)
        severity, ids = Severity.INFO, [digest_of(context.run_key, "so far")]
        first, gravest = wording.attached(context), Severity.INFO
        for held in list(self._held.values()):
            said = is_said(held.event, first, context)
            if opens(held.event):
                severity = max(severity, held.event.severity)
                ids.append(held.id)
                gravest = max(gravest, held.event.severity if said else gravest)
            self._settle(held, "told" if said or tell_past else "dropped", "past", now)
        status = self._subjects.get("status", Subject()).truth
        if status is not None and status.key == "finished":
            gravest = status.severity  # nothing can be done about the rest any more
        kind: MessageKind = "summary" if status is not None and status.key in ENDED else "attached"
        messages = [self._message(kind, gravest, first, (), now)]
        if tell_past and past:
            words = so_far(past, context)
            messages.insert(0, self._message("digest", severity, words, ids, now))
        return messages

    def part(self, past: Iterable[Event], now: float, context: Context) -> list[Message]:
        """Return at once what is left to tell of a run in whose place another one began.

        Nothing waits for company or for the morning any more: nobody will come back to it. What
        something worse outranks stays untold.

        Parameters
        ----------
        past
            All events of the run; those that were met before are left out.
        now, context
            As in `step`.
        """
        self._advance(context)
        for event in past:
            self._meet(event, now)
        messages = self._tell(now, context, wait=False)
        for held in list(self._held.values()):
            self._settle(held, "dropped", "another run began", now)
        return messages

    def close(self, now: float, context: Context) -> list[Message]:
        """Return the summary with which supervision ends, unless the run's end was told.

        What waits for the morning goes on waiting: a watch that goes on with the run tells it then.
        """
        from copilot_analytics.alerts import wording

        self._advance(context)
        if self.end_is_told:
            return []
        severity, ids, left = Severity.INFO, [], []
        quiet = self.is_quiet(now)
        for held in list(self._held.values()):
            about = self._subjects[rules.subject_of(held.event)].belief
            if opens(held.event):
                severity = max(severity, held.event.severity)
                left.append(Tiding("opened", held.event))
            elif about is not None:
                lasted_s = between(about, held.event, now - held.seen_at, context)
                left.append(Tiding("resolved", held.event, about, lasted_s))
            if not quiet:
                ids.append(held.id)
                self._settle(held, "told", "past", now)
        left += [tiding for _, tiding in self._passed]
        if not quiet:
            ids += self._forget_passed(now)
        words = wording.summary(context, left, supervised_on=True)
        ids.append(digest_of(self._run_key, "close", now))
        return [self._message("farewell", severity, words, ids, now)]

    def mute(self, until: float) -> None:
        """Hold back all that is not critical until then."""
        self.muted_until = until

    def unmute(self) -> None:
        """Take a mute back."""
        self.muted_until = None

    def _tell(self, now: float, context: Context, *, wait: bool = True) -> list[Message]:
        from copilot_analytics.alerts import wording

        status = self._subjects.get("status")
        if status is not None and status.truth is not None and status.truth.key == "finished":
            told = self._finish(status, now, context)
            if told:
                return told
        ready: list[tuple[Held, Tiding]] = []
        for held in list(self._held.values()):
            tiding = self._weigh(held, now, context, quiet=wait and self.is_quiet(now))
            if tiding is not None:
                ready.append((held, tiding))
        quiet = wait and self.is_quiet(now)
        late = not quiet and (bool(self._passed) or any(held.quiet for held, _ in ready))
        urgent = late or any(waits_for_none(tiding) for _, tiding in ready)
        oldest = min((held.seen_at for held, _ in ready), default=now)
        patient = wait and 0.0 <= now - oldest < self.options.group_s
        if not urgent and (not ready or patient):
            return []
        if context.analysis is not None and ready:
            analysis = context.analysis()
            context = replace(context, analysis=lambda: analysis)
            for held in [one for one, tiding in ready if is_too_late(tiding, analysis)]:
                self._settle(held, "dropped", "too little is left", now)
            sure = (pair for pair in ready if pair[0].id in self._held)
            ready = [pair for pair in sure if not is_in_doubt(pair[1], analysis)]
            late = late and (bool(self._passed) or any(held.quiet for held, _ in ready))
        if not ready and not late:
            return []
        ready = without_doubles(sorted(ready, key=lambda pair: order_of(pair[1])))
        tidings = [tiding for _, tiding in ready]
        ids = [held.id for held, _ in ready]
        for held, tiding in ready:
            self._settle(held, "told", tiding.turn, now)
        if late:
            tidings += [tiding for _, tiding in self._passed]
            ids += self._forget_passed(now)
        severity = max(weight_of(tiding) for tiding in tidings)
        kind: MessageKind = "digest" if late else kind_of(tidings)
        words = wording.news(tidings, context, digest=late)
        return [self._message(kind, severity, words, ids, now)]

    def _weigh(self, held: Held, now: float, context: Context, *, quiet: bool) -> Tiding | None:
        """Return what to say of an event now; None if it waits, or if there is nothing to say."""
        event = held.event
        name = rules.subject_of(event)
        subject = self._subjects[name]
        belief, began = subject.belief, opens(event)
        if began and belief is not None and belief.key == event.key:
            if rules.adds_to(event, belief):
                return Tiding("opened", event)
            if event.severity <= belief.severity:
                self._settle(held, "dropped", "told before", now)
                return None
        elif not began and (belief is None or self._became_more(belief)):
            why = "over before it was told" if belief is None else BECAME_MORE
            self._settle(held, "dropped", why, now)
            return None
        finished = self._subjects.get("status", Subject()).truth
        if finished is not None and finished.key == "finished" and name != "status":
            self._settle(held, "dropped", "the run has finished", now)
            return None
        about = None if began else belief
        if (about or event).severity < Severity.CRITICAL and quiet:
            held.quiet = True
            return None
        subjects = self._subjects
        if is_outranked(subjects, name, about or event):
            return None
        # The end of something is no good news, and taking it back no truth, while worse lasts.
        if is_told_elsewhere(subjects, name, event) if began else goes_on(subjects, name, about):
            return None
        key = event.key if began or belief is None else belief.key
        times = subject.changes.get(key, [])
        if key in subject.unstable:
            if 0.0 <= now - times[-1] < self.options.calm_s:
                return None
        elif began and self._flaps(times, now):
            return None if self._is_no_news(subject, event, now) else Tiding("unstable", event)
        if began:
            if self._is_cooling(subject, event, now) or is_void(event, context):
                return None
            return Tiding("opened", event)
        assert about is not None  # noqa: S101  # a subject without belief was dropped above
        told_s = now - subject.told_at.get(about.key, now)
        lasted_s = between(about, event, told_s, context)
        wrong = about.kind == "advice" or lasted_s < self.options.withdraw_s
        wrong = wrong and about.kind != "status"
        return Tiding("withdrawn" if wrong else "resolved", event, about, lasted_s)

    def _flaps(self, times: list[float], now: float) -> bool:
        calm = len(times) < self.options.flap_changes or now - times[-1] >= self.options.calm_s
        return not calm and 0.0 <= times[-1] - times[0] <= self.options.flap_window_s

    def _is_no_news(self, subject: Subject, event: Event, now: float) -> bool:
        """Tell whether it says nothing that this comes and goes, as a plateau that does is none."""
        if rules.says_level(event) and event.key not in subject.told_at:
            return True
        at = self._unstable_at  # of a restless run that is said once
        return not at_once(event) and at is not None and 0.0 <= now - at < self.options.calm_s

    def _is_cooling(self, subject: Subject, event: Event, now: float) -> bool:
        told_at = subject.told_at.get(event.key)
        pace = trouble_of(event) == "pace"
        wait_s = self.options.pace_cooldown_s if pace else self.options.cooldown_s
        if told_at is None or not 0.0 <= now - told_at < wait_s:
            return False
        # What is urgent and worse than the reader believes must not wait.
        worse = subject.belief is None or subject.belief.severity < event.severity
        return not (at_once(event) and worse)

    def _finish(self, status: Subject, now: float, context: Context) -> list[Message]:
        """Return the summary of a run that has just finished."""
        from copilot_analytics.alerts import wording

        held = self._held.get(status.newest)
        if held is None:
            return []
        for other in list(self._held.values()):
            if other is not held:
                self._settle(other, "dropped", "the run has finished", now)
        urged_s = self.since_urged_s(held.seen_at)
        self._settle(held, "told", "summary", now)
        self._forget_passed(now)
        words = wording.summary(context, urged_s=urged_s)
        kind: MessageKind = "summary" if words.figures or context.analysis is None else "news"
        return [self._message(kind, Severity.INFO, words, [held.id], now)]

    def _message(
        self,
        kind: MessageKind,
        severity: Severity,
        words: Any,
        ids: Sequence[str],
        now: float,
    ) -> Message:
        name = digest_of(self._run_key, kind, *sorted(ids))
        quiet_until = None if severity >= Severity.CRITICAL else self.quiet_until(now)
        for event in ids:
            row = self._noted.get(event)
            if row is not None and row.verdict == "told":
                self._noted[event] = replace(row, message_id=name)
        return Message(
            name,
            self._run_key,
            words.run_name,
            kind,
            severity,
            words.title,
            words.body,
            tuple(ids),
            words.figures,
            quiet_until,
        )
