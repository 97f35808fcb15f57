"""Everything that talks to the network, in a thread of its own: the supervisor never waits for it.

It works off the outbox, reads commands from chats, keeps their status cards up to date, and pings
the heartbeat as long as the supervisor says that it is well.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from copilot_analytics.alerts.channels._base import ChannelError, Fatal, Transient
from copilot_analytics.alerts.delivery import Delivery, Draw
from copilot_analytics.alerts.message import digest_of
from copilot_analytics.live import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from copilot_analytics.alerts.channels._base import Channel
    from copilot_analytics.alerts.channels._commands import Command
    from copilot_analytics.alerts.ledger import Ledger
    from copilot_analytics.findings import Severity
    from copilot_analytics.live.watched import Watched

HEARTBEAT_S = 60.0
_WELL_S = 60.0
_CARD_S = 60.0
_REFUSED_S = (600.0, 21_600.0)  # a card that is refused asks, ever more rarely, if that is over
_ANSWER_S = (4.0, 120.0)  # an answer that fails is sent again; later it would be out of date
_PAUSE_S = (0.5, 3.0)
_OWED_S = 600.0  # a run that has ended is not watched again, so nobody would send it later
_MOST_JOBS = 50


@dataclass
class _Job:
    do: Callable[[], None]
    due: float = float("-inf")
    wait_s: float = 0.0
    given_up_at: float = float("inf")


@runtime_checkable
class Chat(Protocol):
    """A channel that also listens."""

    name: ClassVar[str]
    listens: bool

    def poll(self, now: float) -> list[Command]:
        """Return the commands that came."""

    def reply(self, text: str) -> None:
        """Answer a command."""

    def send_figure(self, png: bytes, caption: str = "") -> None:
        """Send a figure."""

    def card(self, text: str, card: str | None = None) -> str:
        """Show or edit the status card."""


class Courier:
    """Brings messages to the channels and commands back.

    Parameters
    ----------
    ledger
        Holds the outbox.
    channels
        All but the terminal.
    floors
        Least severity by channel name.
    draw
        Draws a figure for a message.
    heartbeat
        An address to ping while the supervisor is well; None for none. It is as secret as a
        token and never shown.

    Attributes
    ----------
    commands : deque
        Pairs of a chat and a command, to be answered by whoever knows the runs, and then taken.
    notices : deque of str
        What the user should be told on the screen.
    ledger : Ledger
        As given.
    """

    def __init__(
        self,
        ledger: Ledger,
        channels: Sequence[Channel],
        *,
        floors: Mapping[str, Severity] | None = None,
        draw: Draw | None = None,
        heartbeat: str | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.commands: deque[tuple[Chat, Command]] = deque()
        self.notices: deque[str] = deque()
        self.ledger = ledger
        spread = Random()  # noqa: S311  # it spreads pauses
        self._delivery = Delivery(ledger, channels, spread, floors=floors, draw=draw)
        self._chats = [one for one in channels if isinstance(one, Chat)]
        self._channels = list(channels)
        self._heartbeat = heartbeat
        self._wall = wall
        self._well_at = float("-inf")
        self._beaten_at = float("-inf")
        self._beat_failed = False
        self._jobs: deque[_Job] = deque(maxlen=_MOST_JOBS)
        self._drawings: deque[Callable[[], None]] = deque(maxlen=_MOST_JOBS)
        self._sends = False  # messages that are due before any figure
        self._card_text = self._card_place = ""
        self._card_shown = ""
        self._card_at, self._card_rest_s = float("-inf"), 0.0
        self._owed_since, self._told_owed, self._told_held = float("inf"), False, False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._patience_s = 0.0
        self._thread = threading.Thread(target=self._work, name="copilot-courier", daemon=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._delivery.names

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do at all."""
        return bool(self._channels) or self._heartbeat is not None

    def start(self) -> None:
        """Begin, if there is anything to do."""
        if self.is_needed:
            self._thread.start()

    def tries_on(self) -> bool:
        """Tell whether a channel still owes a message: until it is no longer quiet, or for 10 min.

        The latter if it fails for now.
        """
        held = self._delivery.held(self._wall())
        if held:
            self._tell_held(held)
            self._owed_since = float("inf")
            return True
        owed = set(self._delivery.undelivered()) - set(self._delivery.parked)
        failing = ", ".join(sorted(owed & set(self._delivery.failing)))
        now = time.monotonic()
        if owed:
            self._owed_since = min(self._owed_since, now)
        if failing and not self._told_owed:
            self._told_owed = True
            self.notices.append(
                f"{failing} has not taken the end yet; tried for 10 min, or until Ctrl-C"
            )
        return bool(owed) and now - self._owed_since < _OWED_S

    def _tell_held(self, held: Mapping[str, float]) -> None:
        if self._told_held:
            return
        self._told_held = True
        until = datetime.fromtimestamp(max(held.values())).astimezone()
        self.notices.append(
            f"{', '.join(sorted(held))}: the end is sent when it is no longer quiet, at"
            f" {until:%H:%M}; the watch goes on until then, or until Ctrl-C"
        )

    def wake(self) -> None:
        """Say that there is something in the outbox."""
        self._wake.set()

    def be_well(self) -> None:
        """Say that the supervisor itself is well."""
        self._well_at = time.monotonic()

    def show_card(self, runs: Sequence[Watched], now: float, *, at_once: bool = False) -> None:
        """Show how things are on the status cards, at most once a minute unless there is news.

        A card that says "running" beside a message of a crash would be read as what came later.

        Each watch has cards of its own, named after the first of its logs: one that is started
        again goes on with them, and two in one chat leave each other's alone.
        """
        if runs and self._chats:
            self._card_place = digest_of(runs[0].following.path)
            self._card_text = answers.card(runs, now)
            if at_once and not self._card_rest_s:
                self._card_at = float("-inf")
                self._wake.set()

    def answer(self, job: Callable[[], None]) -> None:
        """Do something with a channel in the thread, e.g. answer a command."""
        self._jobs.append(_Job(job, wait_s=_ANSWER_S[0]))
        self._wake.set()

    def show(self, drawing: Callable[[], None]) -> None:
        """Draw and send a figure when nothing else is to be sent or answered."""
        self._drawings.append(drawing)
        self._wake.set()

    def stop(self, patience_s: float) -> dict[str, int]:
        """Send what is left, for a limited time; return what each channel still owes."""
        if self._thread.is_alive():
            self._patience_s = patience_s
            self._stop.set()
            self._wake.set()
            self._thread.join(patience_s + 5.0)
        for channel in self._channels:
            try:
                channel.close()
            except Exception:  # noqa: BLE001, S112  # a channel may come from anyone
                continue
        return self._delivery.undelivered()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                busy = self._once()
            except Exception as error:  # noqa: BLE001  # its text might hold a secret
                self.notices.append(f"sending failed: unexpected {type(error).__name__}")
                busy = False
            least, most = _PAUSE_S
            if self._drawings and not (self.commands or self._sends):
                self._do(_Job(self._drawings.popleft(), wait_s=_ANSWER_S[0]))
            elif busy:
                self._stop.wait(least)
            else:
                self._wake.wait(most)
        self._do_jobs()
        self._update_cards(final=True)
        until = time.monotonic() + self._patience_s
        last = self._delivery.drain(self._wall, time.sleep, self._patience_s)
        self.notices.extend(last.notices)
        while self._drawings and time.monotonic() < until:
            self._do(_Job(self._drawings.popleft(), wait_s=_ANSWER_S[0]))

    def _once(self) -> bool:
        now = self._wall()
        done = self._delivery.work(now) if self._channels else None
        if done is not None:
            self.notices.extend(done.notices)
        for chat in self._chats:
            self.commands.extend((chat, command) for command in chat.poll(now))
        self._do_jobs()
        self._update_cards()
        self._beat()
        if done is None:
            return False
        owed = set(done.undelivered) - set(self._delivery.held(now))
        self._sends = bool(owed - {*self._delivery.failing, *self._delivery.parked})
        return bool(owed)

    def _do_jobs(self) -> None:
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            if job.due <= time.monotonic():
                self._do(job)
            else:
                self._jobs.append(job)

    def _do(self, job: _Job) -> None:
        now = time.monotonic()
        try:
            job.do()
        except ChannelError as error:
            asked_s = error.retry_after_s if isinstance(error, Transient) else None
            job.due, job.wait_s = now + max(asked_s or 0.0, job.wait_s), 2.0 * job.wait_s
            job.given_up_at = min(job.given_up_at, now + _ANSWER_S[1])
            if isinstance(error, Transient) and job.due < job.given_up_at:
                self._jobs.append(job)
            else:
                self.notices.append(f"an answer was not sent: {error}")
        except Exception as error:  # noqa: BLE001  # its text might hold a secret
            self.notices.append(f"an answer was not sent ({type(error).__name__})")

    def _update_cards(self, *, final: bool = False) -> None:
        now = time.monotonic()
        text = self._card_text
        rests = now - self._card_at < max(_CARD_S, self._card_rest_s) and not final
        if not text or text == self._card_shown or rests:
            return
        self._card_at, self._card_shown = now, text
        for chat in self._chats:
            name = f"card:{getattr(chat, 'chat', '')}:{self._card_place}"
            try:
                card = chat.card(text, self.ledger.noted(name))
                self.ledger.note(name, card, self._wall())
                self._card_rest_s = 0.0
                self._delivery.unpark(chat.name, self._wall())
            except Fatal:
                least, most = _REFUSED_S
                self._card_rest_s = min(max(2.0 * self._card_rest_s, least), most)
            except Exception:  # noqa: BLE001, S112  # the next minute may do better
                continue

    def _beat(self) -> None:
        now = time.monotonic()
        if self._heartbeat is None or now - self._beaten_at < HEARTBEAT_S:
            return
        if now - self._well_at > _WELL_S:
            return  # silence is the message
        self._beaten_at = now
        import requests

        try:
            answer = requests.get(self._heartbeat, timeout=10.0, allow_redirects=False)
            failed = answer.status_code >= 400
        except (requests.RequestException, ValueError):
            failed = True
        if failed and not self._beat_failed:
            self.notices.append("the heartbeat address does not answer as it should")
        self._beat_failed = failed
