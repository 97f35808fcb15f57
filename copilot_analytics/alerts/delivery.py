"""Works off the outbox of the ledger: each channel at its own pace, and never in the way.

What is urgent goes first. A channel that fails is tried again after 1 s, 2 s, ... 5 min, or when
it asks for; one that will not work until a person acts is parked and its messages are kept. What
piles up meanwhile is sent as one digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from copilot_analytics.alerts._lanes import PACE_S, Lane
from copilot_analytics.alerts.channels._base import Channel, Fatal, Receipt, Rejected, Transient
from copilot_analytics.alerts.late import dated, gathered, of_the_last_watch
from copilot_analytics.alerts.message import Message, digest_of
from copilot_analytics.findings import Severity
from copilot_analytics.plugins import discover

if TYPE_CHECKING:
    from random import Random

    from copilot_analytics.alerts._claims import Entry
    from copilot_analytics.alerts.ledger import Ledger

Draw = Callable[[Message, str], bytes | None]

MOST_SINGLE = 5
_DIGEST_LIMIT = 50
_TELL_AFTER = 3


def configured(environment: Mapping[str, str], arguments: Mapping[str, object]) -> list[Channel]:
    """Return the channels that the user has set up, in the order of their names.

    Raises
    ------
    UsageError
        If the settings of one cannot be right.

    Examples
    --------
    >>> [channel.name for channel in configured({}, {})]
    ['console']
    """
    kinds = discover("copilot_analytics.alerts.channels", "CHANNEL").values()
    found = [kind.configure(environment, arguments) for kind in kinds]
    return [channel for channel in found if channel is not None]


@dataclass(frozen=True, slots=True)
class Progress:
    """What one call of `Delivery.work` did.

    Parameters
    ----------
    sent
        How many messages were taken.
    undelivered
        What each channel still owes.
    notices
        What the user should be told on the screen; each is given once.
    """

    sent: int
    undelivered: dict[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Delivery:
    """Sends what the ledger holds.

    Parameters
    ----------
    ledger
        Where messages wait.
    channels
        Where they go.
    rng
        Spreads the pauses, so that many supervisors do not come back at once.
    floors
        Least severity by channel name; what lies below is never sent there.
    draw
        Returns the PNG of a figure that a message wants, None if there is none. Without it no
        figure is sent.

    Examples
    --------
    >>> from random import Random
    >>> from copilot_analytics.alerts.channels.console import ConsoleChannel
    >>> from copilot_analytics.alerts.ledger import Ledger
    >>> ledger = Ledger(":memory:")
    >>> delivery = Delivery(ledger, [ConsoleChannel()], Random(0))
    >>> hello = Message("ab12cd", "run", "my_run", "news", Severity.INFO, "Hello")
    >>> ledger.put([hello], [], now=0.0, channels=delivery.names)
    True
    >>> delivery.work(0.0).sent
    Hello
    1
    >>> ledger.close()
    """

    def __init__(
        self,
        ledger: Ledger,
        channels: Sequence[Channel],
        rng: Random,
        *,
        floors: Mapping[str, Severity] | None = None,
        draw: Draw | None = None,
    ) -> None:
        floors = floors or {}
        self._ledger = ledger
        self._rng = rng
        self._draw = draw
        self._notices: list[str] = []
        self._lanes = {
            channel.name: Lane(channel, floors.get(channel.name, Severity.INFO))
            for channel in channels
        }
        for channel in channels:
            if channel.is_private:
                ledger.keep_private(channel.ledger_name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels in the ledger, for `Ledger.put`."""
        return tuple(lane.channel.ledger_name for lane in self._lanes.values())

    @property
    def parked(self) -> dict[str, str]:
        """Channels that are no longer tried, and why."""
        return {name: lane.parked for name, lane in self._lanes.items() if lane.parked}

    @property
    def failing(self) -> tuple[str, ...]:
        """Channels that did not take their last message and are tried again."""
        return tuple(n for n, lane in self._lanes.items() if lane.failures and not lane.parked)

    def held(self, now: float) -> dict[str, float]:
        """Return the channels with a message that must make no sound yet, and until when.

        One that is parked is no longer waited for.
        """
        try:
            until = {
                name: self._ledger.held_until(lane.channel.ledger_name, now)
                for name, lane in self._lanes.items()
                if not (lane.parked or lane.channel.can_be_silent)
            }
        except Exception:  # noqa: BLE001  # supervision must outlive the ledger
            return {}
        return {name: moment for name, moment in until.items() if moment is not None}

    def work(self, now: float) -> Progress:
        """Send what is due, at most one message per channel; never raises.

        Parameters
        ----------
        now
            Seconds since 1970.
        """
        sent = 0
        for lane in self._lanes.values():
            if lane.revives(now):
                self._ledger.try_again(lane.channel.ledger_name, now)
            if lane.parked or now < lane.due:
                continue
            try:
                served = self._serve(lane, now)
                sent += served
                while served and lane.channel.is_private:  # a terminal takes all at once
                    served = self._serve(lane, now)
                    sent += served
            except Exception as error:  # noqa: BLE001  # supervision must outlive any channel
                self._pause(lane, now, f"unexpected {type(error).__name__}", None)
        return Progress(sent, self.undelivered(), self._take_notices())

    def echo(self, messages: Iterable[Message]) -> None:
        """Show on this terminal what another watch of the run, with its own one, has queued."""
        for lane in self._lanes.values():
            name = lane.channel.ledger_name
            for message in messages if lane.channel.is_private and not lane.parked else ():
                if message.severity >= lane.floor and not self._ledger.is_queued_here(
                    message.id, name
                ):
                    with suppress(Fatal):  # nobody reads any more; the next message will tell
                        lane.channel.send(message)

    def unpark(self, name: str, now: float) -> None:
        """Try a channel again that was parked: its chat has taken something else since."""
        lane = self._lanes.get(name)
        if lane is not None and lane.unpark(now):
            self._notices.append(f"{name} is tried again")

    def undelivered(self) -> dict[str, int]:
        """Return how many messages each channel still owes."""
        try:
            owed = self._ledger.undelivered(mine=True)
        except Exception:  # noqa: BLE001  # as above
            return {}
        known = {lane.channel.ledger_name: name for name, lane in self._lanes.items()}
        return {known[name]: count for name, count in owed.items() if name in known}

    def drain(
        self, clock: Callable[[], float], sleep: Callable[[float], None], patience_s: float = 30.0
    ) -> Progress:
        """Send what is left before the supervisor ends, for a limited time."""
        stop = clock() + patience_s
        sent = 0
        notices: list[str] = []
        while True:
            step = self.work(clock())
            sent += step.sent
            notices += step.notices
            now = clock()
            lanes = [self._lanes[name] for name in step.undelivered]
            held = self.held(now)
            waiting = [
                lane.due for lane in lanes if not lane.parked and self._owes(lane, held, now)
            ]
            if not waiting or min(waiting) > stop or now >= stop:
                return Progress(sent, step.undelivered, tuple(notices))
            sleep(min(max(min(waiting) - now, 0.05), max(stop - now, 0.0)))

    def _owes(self, lane: Lane, held: Mapping[str, float], now: float) -> bool:
        """Tell whether a channel owes more than what must make no sound yet."""
        is_held = lane.channel.name in held
        return not is_held or self._ledger.waiting(lane.channel.ledger_name, now) > 0

    def _is_farewell_of_another(self, lane: Lane, message: Message) -> bool:
        """Tell whether a message ends another watch: by now this one goes on with the run."""
        if message.kind != "farewell":
            return False
        return not self._ledger.is_queued_here(message.id, lane.channel.ledger_name)

    def _without_farewells(self, lane: Lane, entries: list[Entry], now: float) -> list[Entry]:
        """Tell the farewells of other watches as what they are by now: how things stood then.

        A terminal is spared those that tell of no trouble; a chat is promised every message.
        """
        left = []
        for entry in entries:
            if not self._is_farewell_of_another(lane, entry.message):
                left.append(entry)
            elif entry.message.severity > Severity.INFO or not lane.channel.is_private:
                left.append(replace(entry, message=of_the_last_watch(entry, now), created=now))
            else:
                name = lane.channel.ledger_name
                self._ledger.bury([entry.message.id], name, now, "the run is watched again")
        return left

    def _hold(self, lane: Lane, message: Message, now: float) -> bool:
        """Keep a message that must make no sound from a channel that cannot help it.

        By then the first message of a run says nothing any more: it is left out.
        """
        until = message.quiet_until
        if lane.channel.can_be_silent or until is None or now >= until:
            return False
        name = lane.channel.ledger_name
        if message.kind == "attached" and message.severity < Severity.WARNING:
            self._ledger.bury([message.id], name, now, "it was quiet")
        else:
            self._ledger.release([message.id], name, now, due=until)
        return True

    def _serve(self, lane: Lane, now: float) -> int:
        """Send the next message of a channel, or a digest of many."""
        name = lane.channel.ledger_name
        many = not lane.channel.is_private and self._ledger.waiting(name, now) > MOST_SINGLE
        claimed = self._ledger.claim(name, now, limit=_DIGEST_LIMIT if many else 1)
        entries = [entry for entry in claimed if entry.message.severity >= lane.floor]
        below = [entry for entry in claimed if entry.message.severity < lane.floor]
        if below:
            ids = [entry.message.id for entry in below]
            self._ledger.bury(ids, name, now, "below the floor of the channel")
        entries = self._without_farewells(lane, entries, now)
        entries = [entry for entry in entries if not self._hold(lane, entry.message, now)]
        if not entries:
            return 0
        fresh = [entry for entry in entries if not entry.attempts]
        first = entries[0]
        if not first.attempts and len(fresh) > MOST_SINGLE:
            message = gathered([entry.message for entry in fresh])
            self._ledger.gather(message, [entry.message.id for entry in fresh], name, now)
            first = replace(first, message=message)
            entries = [entry for entry in entries if entry.attempts]
        else:
            # What was tried before may have arrived: it keeps the id that it had.
            message = dated(first, now, is_held=not lane.channel.can_be_silent)
            entries = entries[1:]
        self._ledger.release([entry.message.id for entry in entries], name, now)
        return self._send(lane, message, first, now)

    def _send(self, lane: Lane, message: Message, entry: Entry, now: float) -> int:
        name, place = lane.channel.name, lane.channel.ledger_name
        ids = [entry.message.id]
        try:
            receipt = lane.channel.send(message, self._figures(lane, message))
        except Transient as error:
            due = self._pause(lane, now, str(error), error.retry_after_s)
            self._ledger.give_back(ids, place, now, error=str(error), due=due)
            return 0
        except Rejected as error:
            lane.due = now + PACE_S
            self._ledger.bury(ids, place, now, str(error))
            self._notices.append(f"{name}: {error}; the message was left out")
            return 0
        except Fatal as error:
            is_news = lane.park(str(error), now)
            self._ledger.give_back(ids, place, now, error=str(error), due=now)
            if is_news:
                self._notices.append(f"{name} is parked: {error}. Its messages are kept.")
                self._tell_others(name, str(error), now)
            return 0
        except Exception as error:  # noqa: BLE001  # a channel may come from anyone
            reason = f"unexpected {type(error).__name__}"  # its text might hold a secret
            due = self._pause(lane, now, reason, None)
            self._ledger.give_back(ids, place, now, error=reason, due=due)
            return 0
        self._note_success(lane, receipt, now)
        self._ledger.sent(ids, place, now, receipt.reference)
        return 1

    def _tell_others(self, parked: str, reason: str, now: float) -> None:
        """Say by the channels that work that one does not; the terminal has the notice."""
        others = [
            lane.channel.ledger_name
            for name, lane in self._lanes.items()
            if name not in {parked, "console"} and not lane.parked
        ]
        day = int(now // 86400)
        message = Message(
            digest_of("parked", parked, reason, day),
            "",
            "",
            "news",
            Severity.WARNING,
            f"🔕 {parked} is parked",
            (
                reason,
                "Its messages are kept until it works again, or supervision is started again.",
            ),
        )
        if others:
            self._ledger.put([message], [], now, others)

    def _note_success(self, lane: Lane, receipt: Receipt, now: float) -> None:
        if lane.failures:
            self._ledger.try_again(lane.channel.ledger_name, now)
        if lane.succeed(now):
            self._notices.append(f"{lane.channel.name} works again")
        if receipt.notice:
            self._notices.append(receipt.notice)

    def _pause(self, lane: Lane, now: float, reason: str, asked_s: float | None) -> float:
        """Let a channel rest; return when it is due again."""
        lane.pause(now, self._rng, asked_s)
        if lane.failures >= _TELL_AFTER and not lane.told:
            lane.told = True
            self._notices.append(
                f"{lane.channel.name} has failed {lane.failures} times: {reason}."
                " Its messages are kept and tried again."
            )
        return lane.due

    def _figures(self, lane: Lane, message: Message) -> dict[str, bytes]:
        if self._draw is None or not lane.channel.takes_figures:
            return {}
        drawn = {}
        for name in message.figures:
            try:
                png = self._draw(message, name)
            except Exception:  # noqa: BLE001, S112  # words matter more than a figure
                continue
            if png:
                drawn[name] = png
        return drawn

    def _take_notices(self) -> tuple[str, ...]:
        notices = [*self._ledger.notices, *self._notices]
        self._ledger.notices.clear()
        self._notices.clear()
        return tuple(notices)
