"""What is told of a run: its policy decides, the ledger keeps the decision with the message."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from copilot_analytics.alerts.message import digest_of
from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.alerts.rules import opens
from copilot_analytics.events import ENDED
from copilot_analytics.live.mutes import mute, muted_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot_analytics.alerts.ledger import Ledger
    from copilot_analytics.alerts.message import Message
    from copilot_analytics.alerts.rules import PolicyOptions
    from copilot_analytics.events import Event
    from copilot_analytics.live.log_session import LogSession
    from copilot_analytics.live.watched import Watched

_MEETING_S = 60.0
_MOST_BEFORE = 8  # runs whose messages are still sent, of those at one place
_MOST_CONFLICTS = 10  # in a row: each means that another supervisor has just told something


class Telling:
    """Introduces runs, lets their policies decide, and writes down what was decided.

    Parameters
    ----------
    ledger
        What was told.
    channels
        Names in the ledger of those that a message is for.
    options
        How patient the policies are.
    tell_past
        Whether what a log held at the start is told, as one digest.
    take_up
        Shows how a run stands that an earlier watch followed, see `Screen.take_up`.
    on_messages
        Called when messages were written to the ledger.
    echo
        Shows those messages here that another watch of the run has queued.
    name_of
        Returns what a run is called among those that are watched.
    """

    def __init__(
        self,
        ledger: Ledger,
        channels: Sequence[str],
        options: PolicyOptions | None,
        *,
        tell_past: bool,
        take_up: Callable[..., None],
        on_messages: Callable[[], None],
        echo: Callable[[list[Message]], None],
        name_of: Callable[[Watched], str],
    ) -> None:
        self._ledger, self._channels, self._options = ledger, tuple(channels), options
        self._tell_past, self._take_up, self._on_messages = tell_past, take_up, on_messages
        self._echo, self._name_of = echo, name_of

    def judge(self, watched: Watched, events: list[Event], now: float) -> None:
        """Take what a log said in one look; begin with its run if it is to be introduced."""
        log = watched.following.log
        for key, name, past in log.superseded:
            self._part_with(watched, key, name, past, now)
        log.superseded.clear()
        if not log.run_key:
            self._tell_stillborn(watched, now)
        if not log.run_key or watched.run_key not in {"", log.run_key}:
            watched.begins_here = True
        if log.run_key and log.run_key != watched.run_key:
            if self._is_worth_telling(watched, now):
                self._attach(watched, now)
        elif watched.run_key and events:
            self.decide(watched, [log.relative(event) for event in events], now)
        ended = watched.following.status in ENDED
        if not ended:
            watched.ended_at = None
        elif watched.ended_at is None:
            watched.ended_at = now

    def _tell_stillborn(self, watched: Watched, now: float) -> None:
        """Tell once that a training died before its first row."""
        stillborn, following = watched.stillborn, watched.following
        known = stillborn.event
        stillborn.look(following.file or following.path, now)
        event = stillborn.event
        if event is None or event is known or self._ledger.knows(stillborn.run_key):
            return
        self._ledger.follow(stillborn.run_key)
        context = Context(stillborn.run_key, watched.name or self._name_of(watched))

        def decide(policy: Policy) -> list[Message]:
            return policy.step([event], now, context)

        policy = Policy(self._options)
        self._commit(policy, stillborn.run_key, decide(policy), now, decide)

    def _is_worth_telling(self, watched: Watched, now: float) -> bool:
        """Tell whether a run can be introduced."""
        log = watched.following.log
        if not watched.begins_here or self._ledger.knows(log.run_key):
            return True
        if watched.met_at is None:
            watched.met_at, watched.name = now, self._name_of(watched)
        return is_known(log, now - watched.met_at)

    def _attach(self, watched: Watched, now: float) -> None:
        """Begin with a run, or go on where an earlier supervisor stopped."""
        log = watched.following.log
        watched.run_key, watched.name = log.run_key, self._name_of(watched)
        self._follow(watched, log.run_key, now)
        for event in log.run_events[-8:] if not watched.recent else ():
            watched.recall(event)
        if watched.following.first:
            note = f"first:{digest_of(watched.following.path)}"
            self._ledger.note(note, watched.following.first, now)
        watched.met_at, muted = None, watched.policy.muted_until
        past = [log.relative(event) for event in log.run_events]
        if self._ledger.knows(log.run_key):
            muted = muted_until(self._ledger, log.run_key) or muted
            watched.policy = Policy.restore(self._ledger.rows(log.run_key), self._options, muted)
            self._take_up(watched, now, end_is_told=watched.policy.end_is_told)
            self.decide(watched, past, now)
            return
        ended = watched.following.status in ENDED
        watched.policy = Policy(self._options)
        if muted is not None:
            mute([watched], self._ledger, now, muted)
        # Of one that is over the first message is the verdict.
        news, past = (past, []) if watched.begins_here and not ended else ([], past)
        context = replace(watched.context, silence_s=watched.following.silence_s(now))
        messages = watched.policy.attach(past, now, context, tell_past=self._tell_past)
        self.put(watched, messages, now)
        if news:
            self.decide(watched, news, now)

    def _follow(self, watched: Watched, run_key: str, now: float) -> None:
        """Send what waits for a run, and for those that were watched at its place before.

        The log of an earlier one may be gone, so that no watch will ever follow it again. What a
        watch that was killed had not decided of it is therefore decided now.
        """
        note = f"runs:{digest_of(watched.following.path)}"
        known: list[str] = json.loads(self._ledger.noted(note) or "[]")
        for key in (*known, run_key):
            self._ledger.follow(key)
        for key in known[: known.index(run_key)] if run_key in known else known:
            self._part_with(watched, key, self._ledger.name_of(key), [], now)
        if run_key not in known[-1:]:
            kept = [key for key in known if key != run_key][1 - _MOST_BEFORE :]
            self._ledger.note(note, json.dumps([*kept, run_key]), now)

    def decide(self, watched: Watched, events: list[Event], now: float) -> None:
        """Let the policy of a run decide on events, or on the time that has passed."""
        self.put(watched, watched.policy.step(events, now, watched.context), now)

    def put(self, watched: Watched, messages: list[Message], now: float) -> None:
        """Write down what was decided of a run."""
        log = watched.following.log

        def decide(policy: Policy) -> list[Message]:
            events = [log.relative(event) for event in log.run_events]
            return policy.step(events, now, watched.context)

        watched.policy = self._commit(watched.policy, watched.run_key, messages, now, decide)

    def _part_with(
        self, watched: Watched, key: str, name: str, past: list[Event], now: float
    ) -> None:
        """Tell what is left of a run in whose log another one began, perhaps unwatched."""
        policy = watched.policy
        self._ledger.follow(key)
        if key != watched.run_key:
            if not self._ledger.knows(key):
                return
            policy = Policy.restore(self._ledger.rows(key), self._options)
        context = Context(key, name or watched.name or watched.following.log.name)

        def decide(policy: Policy) -> list[Message]:
            return policy.part(past, now, context)

        self._commit(policy, key, decide(policy), now, decide)

    def _commit(
        self,
        policy: Policy,
        run_key: str,
        messages: list[Message],
        now: float,
        decide: Callable[[Policy], list[Message]],
    ) -> Policy:
        """Write down what was decided; decide anew if another supervisor was faster."""
        decided = messages
        for _ in range(_MOST_CONFLICTS):
            if self._ledger.put(messages, policy.decisions, now, self._channels):
                break
            muted = policy.muted_until
            policy = Policy.restore(self._ledger.rows(run_key), self._options, muted)
            messages = decide(policy)
        if messages:
            self._on_messages()
        if decided:
            self._echo(decided)
        return policy


def is_known(log: LogSession, waited_s: float) -> bool:
    """Tell whether enough is known of a run that began under supervision to introduce it.

    Parameters
    ----------
    log
        Its log.
    waited_s
        Seconds since it was met: after a minute it is introduced in any case.
    """
    known = len(log.run.eval_log) > 0 or waited_s >= _MEETING_S
    return known or any(opens(event) for event in log.run_events)
