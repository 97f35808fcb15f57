"""One round: a hostile writer, a hostile webhook, and a supervisor that is killed again and again.

What is claimed at its end, and counted as lost, doubled or wrong where it does not hold:

* Every event of the final log, as ``copilot replay`` sees it, is in the ledger, and no other. The
  final log is all that was written, file by file; where the last file of an old training was
  destroyed before a new one was begun, the events of the old one are claimed only not to be
  invented: they are those of all that was written, of what is left, or of exactly as much as a
  watch had read when it went on to the new one.
* Every event that the ledger calls told has a message, except those from before a watch first
  met their run: the introduction stands for them. Nothing that the policy would still tell is
  left; what it dropped (over before it was told, nothing new, the run has finished) is its right.
* Every message arrived, by its own id or in the digest that took its place. No event arrived under
  two ids.
* No id arrived twice, unless its first answer was no 200, or the supervisor was killed before it
  began with the next message: then it cannot know that it arrived.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hostile_clock import SPEED, FastClock
from hostile_logs import made
from hostile_replay import FinalLog
from hostile_webhook import HostileWebhook
from hostile_witness import Witness
from hostile_writer import KINDS, HostileWriter

from copilot_analytics.alerts.policy import Context, Policy
from copilot_analytics.live import starting
from copilot_analytics.live._succession import GRACE_S

_HANG_S = 2.5  # long enough to be told as a stall
_ON_THE_WAY_S = 0.25
PATIENCE_S = 30.0  # real ones


@dataclass
class Outcome:
    """What became of a round."""

    seed: int
    kills: int = 0
    requests: int = 0
    faults: int = 0
    events: int = 0
    messages: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated: bool = False

    @property
    def failures(self) -> list[str]:
        """All that is not as claimed."""
        return self.lost + self.doubled + self.wrong


class Round:
    """Plays one round.

    Parameters
    ----------
    seed
        Fixes what is written, what is done to it, when it is killed, and what the webhook answers;
        how the processes interleave is the machine's.
    folder
        An empty one.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.outcome = Outcome(seed)
        self._rng, self._folder = Random(seed), folder
        self._clock = FastClock()
        self._home = folder / "state"
        self._child: int | None = None
        self._other: int | None = None
        self._killed: list[tuple[float, float]] = []  # from when to when each one may have died
        kind = self._rng.choice(KINDS)
        self._hangs = self._rng.choices((0.0, 0.1), (29, 1))[0]
        self._in_company = self._rng.random() < 0.1
        counts = self._rng.choices((1, 2), (3, 1))[0]
        numbered = kind == "numbered"  # a second training would be a run beside it
        counts = 1 if numbered else counts
        trainings = [
            made(self._rng, 2 * seed % 5000 + n, resumed=numbered or self._rng.random() < 0.4)
            for n in range(counts)
        ]
        self._witness = Witness(folder / "seen")
        self._hook = HostileWebhook(folder, seed, self._rng.choice((0.0, 0.3, 0.7)))
        self._writer = HostileWriter(folder, kind, trainings, self._rng, self._clock.wall)
        journals = self._home / "copilot" / "journals"
        self._final = FinalLog(self._writer, self._witness, journals)

    def play(self) -> Outcome:
        """Play it and judge."""
        try:
            self._play()
            self._judge()
        finally:
            self._end_child(signal.SIGKILL)
            self._end_other()
            (self._folder / "story").write_text("\n".join(self._writer.story) + "\n")
            self._hook.close()
        return self.outcome

    def _play(self) -> None:
        self._writer.begin()
        self._start()
        self._wait("a first message", lambda: self._rows("SELECT 1 FROM messages"))
        if self._in_company:
            self._writer.story.append("start a second one")
            self._other = self._fork()
        down = 0
        while not self._writer.is_done:
            self._writer.act()
            if self._rng.random() < self._hangs:
                self._writer.story.append("hang")
                time.sleep(_HANG_S)
            time.sleep(self._rng.choice((0.0, 0.001, 0.02)))
            if self._child is None:
                down -= 1
                if down <= 0:
                    self._start()
            elif self._rng.random() < 0.1:
                time.sleep(self._rng.uniform(0.0, 0.25))
                self._end_child(signal.SIGKILL)
                down = self._rng.randint(0, 6)
        self._start()
        self._wait("the last event", self._has_all)
        if self._rng.random() < 0.5:
            self._end_child(signal.SIGKILL)
        self._end_other()
        self._hook.calm()
        for _ in range(3):
            self._start()
            # One that was killed may have kept a tick, and told nobody: the next one tells it.
            self._wait("the last event again", self._has_all)
            self._wait("an empty outbox", lambda: not self._rows(_WAITING))
            self._wait("the policy to have told all", lambda: not self._untold())
            self._end_child(signal.SIGTERM)
            if not self._rows(_WAITING):
                break

    # The supervisor

    def _start(self) -> None:
        if self._child is not None:
            ended, status = os.waitpid(self._child, os.WNOHANG)
            if not ended:
                return
            self._check_end(status)
        self._writer.story.append("start")
        self._child = self._fork()

    def _fork(self) -> int:
        """Let a supervisor live in a process of its own."""
        pid = os.fork()
        if pid:
            return pid
        try:
            out = os.open(self._folder / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.environ["XDG_STATE_HOME"] = str(self._home)
            self._clock.rule()
            self._witness.attend()
            options = starting.LiveOptions(
                logs=(self._writer.path,), wait_s=3600.0, channels={"webhook": self._hook.url},
                gpu=False, plain=True, linger_s=60.0,
            )  # fmt: skip
            code = starting.watch(options)
            sys.stdout.flush()
            os._exit(code)
        except BaseException:  # noqa: BLE001  # nothing may go back into the copy of the parent
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(99)

    def _end_child(self, signum: int) -> None:
        if self._child is None:
            return
        if signum == signal.SIGKILL:
            self._writer.story.append("kill")
            status = self._kill(self._child)
            self.outcome.kills += os.WIFSIGNALED(status)
            if not os.WIFSIGNALED(status):
                self._check_end(status)
            self._child = None
            return
        os.kill(self._child, signum)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            ended, status = os.waitpid(self._child, os.WNOHANG)
            if ended:
                self._child = None
                if status != signal.SIGTERM:  # which came before it was ready
                    self._check_end(status)
                return
            time.sleep(0.005)
        self.outcome.wrong.append("the supervisor did not end when asked")
        self._end_child(signal.SIGKILL)

    def _end_other(self) -> None:
        if self._other is not None:
            self._kill(self._other)
            self._other = None

    def _kill(self, pid: int) -> int:
        """Kill a supervisor, and return how it ended."""
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._killed.append((began, time.monotonic()))
        return status

    def _check_end(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code not in {0, 3, 4, 5}:
            self.outcome.wrong.append(f"the supervisor ended with {code}")

    def _wait(self, what: str, condition: Any) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > until:
                self.outcome.lost.append(f"{what} never came")
                return
            time.sleep(0.02)
            if self._child is not None:
                self._start()  # one that has ended by itself

    # What it left

    def _rows(self, sql: str) -> list[Any]:
        place = self._home / "copilot" / "ledger.sqlite3"
        if not place.exists():
            return []
        with closing(sqlite3.connect(place, timeout=10)) as ledger:
            try:
                return ledger.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []  # it is being made

    def _has_all(self) -> bool:
        """Tell whether all events of the last run are in the ledger."""
        *_, wanted = self._final.replayed().values()
        return set(wanted) <= {name for (name,) in self._rows(_EVENTS)}

    def _untold(self) -> list[str]:
        """Return what a policy that goes on from the ledger would still tell of the last run."""
        from copilot_analytics.alerts.ledger import Ledger

        ledger = Ledger(self._home / "copilot" / "ledger.sqlite3")
        try:
            found = []
            for (key,) in self._rows("SELECT DISTINCT run_key FROM events"):
                policy = Policy.restore(ledger.rows(key))
                later = policy.step([], self._clock.wall() + 1e6, Context(key, "run"))
                found += [f"untold of {key}: {message.title}" for message in later]
            return found
        finally:
            ledger.close()

    def _judge(self) -> None:
        outcome, written = self.outcome, self._writer
        outcome.repeated = written.latest_s * SPEED > GRACE_S / 2
        replayed = self._final.replayed()
        allowed = self._final.allowed() if written.destroyed else [replayed]
        known: dict[str, set[str]] = defaultdict(set)
        rows = self._rows(
            "SELECT run_key, event_id, verdict, reason, message_id, kind, key FROM events"
        )
        for key, name, *_ in rows:
            known[key].add(name)
        for number, (key, events) in enumerate(replayed.items()):
            if number not in written.destroyed:
                outcome.lost += [
                    f"{events[name].kind} {events[name].key} at step {events[name].step} of run"
                    f" {number} is not in the ledger" for name in sorted(set(events) - known[key])
                ]  # fmt: skip
        for key, name, verdict, reason, message_id, kind, what in rows:
            if not any(name in one.get(key, {}) for one in allowed):
                outcome.wrong.append(f"{kind} {what} is in the ledger only ({verdict} {reason})")
            if verdict == "told" and message_id is None and reason != "past":
                outcome.lost.append(f"{kind} {what} is told ({reason}) without a message")
            outcome.events += 1
        outcome.lost += self._untold()
        self._judge_messages(rows)
        output = (self._folder / "output").read_text("utf-8", "replace")
        for word in ("Traceback", "internal error", "given up", "unexpected"):
            if word in output:
                said = output[output.index(word) :][:_MOST_SAID]
                outcome.wrong.append(f"the supervisor said {word!r}: {said}")

    def _judge_messages(self, rows: list[Any]) -> None:
        outcome = self.outcome
        messages = {
            name: json.loads(document)
            for name, document in self._rows("SELECT id, document FROM messages")
        }
        outcome.messages = len(messages)
        outcome.lost += [
            f"{row[5]} {row[6]} is told by a message that is not there"
            for row in rows if row[4] is not None and row[4] not in messages
        ]  # fmt: skip
        requests = self._hook.told()
        arrived = [one for one in requests if one["id"] is not None]
        names = {one["id"] for one in arrived}
        box = self._rows("SELECT message_id, state, remark FROM outbox WHERE channel = 'webhook'")
        for name, state, remark in box:
            home = remark if state == "gathered" else name
            if state not in {"sent", "gathered"} or home not in names:
                title = messages.get(name, {}).get("title", "?")
                outcome.lost.append(f"message {name[:6]} ({state}) did not arrive: {title}")
        homes: dict[str, set[str]] = defaultdict(set)
        for one in arrived:
            for event in one["events"]:
                homes[event].add(one["id"])
        outcome.doubled += [
            f"event {event[:6]} arrived under {sorted(i[:6] for i in ids)}"
            for event, ids in homes.items() if len(ids) > 1
        ]  # fmt: skip
        last: dict[str, int] = {}
        for number, one in enumerate(arrived):
            before = last.get(one["id"])
            last[one["id"]] = number
            if before is None or arrived[before]["mood"] not in {"well", "slow"}:
                continue
            # Of two supervisors the one may have told something else before the other was killed.
            next_one = number if self._in_company else before + 1
            at, following_at = arrived[before]["at"], arrived[next_one]["at"]
            # What a killed process had sent may arrive a moment after it.
            if not any(
                began <= following_at and at - _ON_THE_WAY_S <= ended
                for began, ended in self._killed
            ):
                outcome.doubled.append(f"message {one['id'][:6]} arrived twice without a reason")
        outcome.requests = len(requests)
        outcome.faults = sum(one["mood"] != "well" for one in requests)


_MOST_SAID = 4000
_EVENTS = "SELECT event_id FROM events"
_WAITING = "SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'gathered', 'dead')"


def play(seed: int, keep: Path | None = None) -> Outcome:
    """Play a round in a folder of its own; again, where the writer itself came too late."""
    for _ in range(5):
        folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        try:
            outcome = Round(seed, folder).play()
        finally:
            if keep is not None:
                shutil.rmtree(keep / str(seed), ignore_errors=True)
                shutil.copytree(folder, keep / str(seed), symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        if not outcome.repeated:
            break
    return outcome
