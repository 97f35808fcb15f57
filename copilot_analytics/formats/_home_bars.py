"""Progress bars in logs that scripts print by hand (`home_text`), by tqdm or as Keras draws them.

Frames are drawn over and over, and the last one counts. They stand anywhere in a line and may lack
their clock; formats that know their bar read it to the letter, with its times, by `_tqdm`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Literal

from copilot_analytics.formats._home_vocabulary import is_bookkeeping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._home_readings import Metric

_MOST_WAITING = 1000  # frames; at ten a second, which tqdm draws at most, some minutes
_TQDM = re.compile(
    r"(?P<share>\d{1,3})%\|[^|\n]{0,400}\|\s{0,20}(?P<done>\d{1,12})/(?P<total>\d{1,12})"
    r"(?:\s\[(?P<inside>[^\]]{0,2000})\]?)?(?P<after>.{0,4000})"
)
_KERAS = re.compile(
    r"^\s{0,20}(?P<done>\d{1,12})/(?P<total>\d{1,12}) \[[=>.]{3,80}\](?P<after>.{0,4000})"
)
_LEADING = re.compile(
    r"^\s{0,20}\[[=>.]{3,200}\](?P<after>[^\n]{0,1000}?)\s(?P<done>\d{1,12})/(?P<total>\d{1,12})\s*$"
)
_WITHIN = re.compile(  # as the backspaces leave it that put the count into the middle
    r"^\s{0,20}\[[=>.]{2,200} (?P<done>\d{1,12})/(?P<total>\d{1,12}) [=>.]{2,200}\]"
    r"(?P<after>.{0,1000})"
)
_PERCENT = re.compile(
    r"^(?P<title>\s{0,20}[A-Za-z][\w \t]{0,40}:?)\s{1,20}(?P<share>\d{1,3})%\s\|[=#>. -]{3,200}\|"
    r"(?P<after>.{0,4000})"
)
_PASS = re.compile(r"(?i)\bepochs?\W{0,4}(\d{1,9})|(?<![\d.])(\d{1,9})\s?/\s?\d")
_OF_EPOCHS = re.compile(r"(?i)\bepochs?\W{0,4}\d{1,9}\s?/\s?(\d{1,9})(?!\d)")
_OF_STEPS = re.compile(
    r"(?i)^\s{0,8}(?:train(?:ing)?\s)?(?:steps?|iterations?|iters?|progress)\s?:?\s{0,4}$"
)
_DIGITS = re.compile(r"[\d.,]+")
_NUMBER = re.compile(r"(?i)[+-]?\d[\d.,]*(?:e[+-]?\d{1,4})?|(?<![a-z])[+-]?(?:nan|inf)(?![a-z])")
_EVALUATES = re.compile(r"(?i)\b(?:validating|evaluating|validate|inference|predicting)\b")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d\d)<")
_RATE = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)(?:s/[a-z]{1,12}|\s?[a-z]{1,12}/s)(?:,|$)", re.IGNORECASE
)
_LOADING = re.compile(r"(?i)[kmgt]?i?b/s")


@dataclass(frozen=True, slots=True)
class Frame:
    """One drawing of a bar.

    Parameters
    ----------
    title
        What stands before it.
    done, total
        How far it is.
    postfix
        Named numbers inside of it.
    after
        What was printed behind it, into the same line.
    line
        Number of the line.
    clock
        The time that it took so far, the time that is left, and its rate, as tqdm prints them.
    """

    title: str
    done: int
    total: int
    postfix: str
    after: str
    line: int
    clock: str = ""

    @property
    def text(self) -> str:
        """What it names, as a line."""
        title = self.title.strip().rstrip(":").strip()
        return f"{title} | {self.postfix}" if title and self.postfix else title or self.postfix

    @property
    def which(self) -> tuple[str, str, int]:
        """What is the same in all frames of one bar."""
        found = _PASS.search(self.title)
        words = _DIGITS.sub("", _NUMBER.sub("", self.title)).strip()
        return words, (found[1] or found[2]) if found else "", self.total

    @property
    def is_whole(self) -> bool:
        """Whether it is drawn near its end; some bars are not drawn at the very end."""
        return self.done >= 0.9 * self.total

    @property
    def evaluates(self) -> bool:
        """Whether its title says that it goes over what is held out, as what is done to it."""
        return _EVALUATES.search(self.title) is not None

    @property
    def elapsed_s(self) -> float | None:
        """Seconds since the bar began; None if it has no clock."""
        found = _CLOCK.match(self.clock)
        if found is None:
            return None
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return 3600 * hours + 60 * minutes + seconds

    @property
    def iter_time_s(self) -> float | None:
        """Seconds that one of what it counts takes; None if it does not say it."""
        found = _RATE.search(self.clock)
        if found is None:
            return None
        number = float(found[1])
        if found[0][len(found[1]) :].lstrip().lower().startswith("s/"):
            return number
        return 1 / number if number else None

    @property
    def counts_steps(self) -> bool:
        """Whether the bar counts steps of the training, whatever epoch they are in."""
        return _OF_STEPS.match(self.title) is not None

    @property
    def planned_epochs(self) -> int | None:
        """The number of epochs that its title names behind a slash."""
        found = _OF_EPOCHS.search(self.title)
        return int(found[1]) if found else None

    @property
    def is_of_the_only_epoch(self) -> bool:
        """Whether its title says that no other epoch is planned than the one that it names."""
        return self.which[1] == "1" and self.planned_epochs == 1

    @property
    def counts_epochs(self) -> bool:
        """Whether the bar counts epochs."""
        return "epoch" in self.title.lower() and not _DIGITS.search(self.title)

    def goes_on(self, other: Frame) -> bool:
        """Tell whether another frame is a later one of the same bar."""
        return other.done >= self.done and other.which == self.which


class UnnamedBars:
    """Tells what bars are that come before any line has named an epoch.

    A line that names the epoch after the first bar tells that a bar is drawn for each epoch; then
    its end counts. Where a bar of the same kind is drawn again without such a line, or one goes on
    for long, every frame is a point, and each bar is an epoch of its own.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Frame, int]] = []
        self._late: tuple[Frame, float] | None = None
        self._kind: tuple[str, str, int] | None = None
        self._done = 0  # by the last frame of that kind
        self._epoch = 1
        self._named: float | None = None  # epoch of such a bar, as a line below it says
        self._since = 0  # bars that began since then
        self._are: Literal["points", "ends"] | None = None

    @property
    def are_drawn(self) -> bool:
        """Whether such a bar was drawn."""
        return self._kind is not None

    def begin(self, frame: Frame) -> list[tuple[Frame, int]]:
        """Take the first frame of a bar; return points that can be told now, with their epochs."""
        if frame.which != self._kind:
            return []
        if self._done <= frame.done < frame.total:
            return []  # a line was printed in the middle of it
        self._epoch += 1
        self._since += 1
        return self.decide()

    def see(self, frame: Frame) -> None:
        """Note how far a bar is; the first one with a text tells of which kind they are."""
        if self._kind is None and frame.text:
            self._kind = frame.which
        if frame.which == self._kind:
            self._done = frame.done

    @property
    def epoch(self) -> float | None:
        """The epoch of the last bar that began; None for the first one if no line names it."""
        if self._named is not None:
            return self._named + self._since
        return float(self._epoch) if self._epoch > 1 else None

    def name(self, epoch: float) -> None:
        """Take the epoch of the last bar that began, as a line says it."""
        self._named, self._since = epoch, 0

    def decide(self) -> list[tuple[Frame, int]]:
        """Take that no line names the epoch of what waits; return points that can be told now."""
        if self._are == "ends" or not self._waiting:
            return []
        self._are = "points"
        return self.release()

    def take(self, frame: Frame) -> list[tuple[Frame, int]]:
        """Take a frame that a later one does not correct; return points that can be told now."""
        if not frame.text:
            return []
        if self._are == "ends":
            self._waiting.clear()
        self._waiting.append((frame, self._epoch))
        if self._are is None and len(self._waiting) > _MOST_WAITING:
            self._are = "points"
        return self.release() if self._are == "points" else []

    def release(self) -> list[tuple[Frame, int]]:
        """Return what waits."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def settle(self) -> Frame | None:
        """Take that a line names the epoch; return the end of its bar, if there is any."""
        waiting = self.release()
        if self._are is None and waiting:
            self._are = "ends"
        return waiting[-1][0] if waiting else None

    def keep(self, frame: Frame, epoch: float) -> None:
        """Keep the end of a bar until it is known whether a line sums its epoch up."""
        self._late = frame, epoch

    def late(self) -> tuple[Frame, float] | None:
        """Return the end of a bar that was kept, and its epoch, once."""
        late, self._late = self._late, None
        return late


class FirstBars:
    """Knows which bars an epoch drew first: they went over the training set."""

    def __init__(self) -> None:
        self._drawn: dict[str, tuple[float | None, int]] = {}  # epoch and total, by measure

    def precede(self, frame: Frame, metrics: Sequence[Metric], epoch: float | None) -> bool:
        """Tell whether another bar of one of its measures and another length came before.

        Then this one goes over what is held out.
        """
        if epoch is None:
            return False
        names = [metric.name for metric in metrics if not is_bookkeeping(metric.name)]
        totals = {t for e, t in map(self._drawn.get, names, repeat((None, 0))) if e == epoch}
        if totals:
            return frame.total not in totals
        self._drawn.update((name, (epoch, frame.total)) for name in names)
        return False


def read_frame(line: str, number: int) -> Frame | None:
    """Return the frame that a line is; None if it is none.

    Examples
    --------
    >>> frame = read_frame("Epoch 2: 50%|##   | 2/4 [00:01<00:01, 1.9it/s, loss=0.8]val 3", 7)
    >>> frame.title, frame.done, frame.total, frame.postfix, frame.after
    ('Epoch 2: ', 2, 4, 'loss=0.8', 'val 3')
    >>> frame = read_frame(" [=====>....]  Step: 9ms | Loss: 0.75 | Acc: 70.000% (7/10) 1/2 ", 8)
    >>> frame.done, frame.total
    (1, 2)
    >>> frame = read_frame(" [===== 3/4 ===>.]  Step: 9ms | Loss: 0.75", 8)
    >>> frame.done, frame.total
    (3, 4)
    """
    clock: list[str] = []
    if "%|" in line:
        found = _TQDM.search(line)
        if found is None:
            return None
        inside = found["inside"] or ""
        *clock, postfix = inside.split(", ", 2) if inside.count(", ") > 1 else (inside, "")
        if _LOADING.search(inside):
            return Frame("", 0, 0, "", "", number)
        title = line[: found.start()]
        after = found["after"]
        if _TQDM.search(after):
            after = ""
    elif line.lstrip(" ")[:2] in {"[=", "[>"}:
        found = _WITHIN.match(line) or _LEADING.match(line)
        if found is None:
            return None
        title, postfix, after = "", found["after"], ""
    elif "/" in line[:32]:
        found = _KERAS.match(line)
        if found is None:
            return None
        title, postfix, after = "", found["after"], ""
    elif "% |" in line[:80]:
        found = _PERCENT.match(line)
        if found is None:
            return None
        return Frame(found["title"], int(found["share"]), 100, found["after"], "", number)
    else:
        return None
    done, total = int(found["done"]), int(found["total"])
    return Frame(title, done, total, postfix, after, number, ", ".join(clock))
