"""Progress bars in logs that scripts print by hand (`home_text`), by tqdm or as Keras draws them.

Frames are drawn over and over, and the last one counts. They stand anywhere in a line and may lack
their clock; formats that know their bar read it to the letter, with its times, by `_tqdm`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._home_readings import Metric

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
_PASS = re.compile(r"(?i)\bepochs?\W{0,4}(\d{1,9})|(?<![\d.])(\d{1,9})\s?/\s?\d")
_OF_STEPS = re.compile(
    r"(?i)^\s{0,8}(?:train(?:ing)?\s)?(?:steps?|iterations?|iters?|progress)\s?:?\s{0,4}$"
)
_DIGITS = re.compile(r"[\d.,]+")
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
    """

    title: str
    done: int
    total: int
    postfix: str
    after: str
    line: int

    @property
    def text(self) -> str:
        """What it names, as a line."""
        title = self.title.strip().rstrip(":").strip()
        return f"{title} | {self.postfix}" if title and self.postfix else title or self.postfix

    @property
    def which(self) -> tuple[str, str, int]:
        """What is the same in all frames of one bar."""
        found = _PASS.search(self.title)
        words = _DIGITS.sub("", self.title)
        return words, (found[1] or found[2]) if found else "", self.total

    @property
    def is_whole(self) -> bool:
        """Whether it is drawn near its end; some bars are not drawn at the very end."""
        return self.done >= 0.9 * self.total

    @property
    def counts_steps(self) -> bool:
        """Whether the bar counts steps of the training, whatever epoch they are in."""
        return _OF_STEPS.match(self.title) is not None

    @property
    def counts_epochs(self) -> bool:
        """Whether the bar counts epochs."""
        return "epoch" in self.title.lower() and not _DIGITS.search(self.title)

    def goes_on(self, other: Frame) -> bool:
        """Tell whether another frame is a later one of the same bar."""
        return other.done >= self.done and other.which == self.which


class FirstBars:
    """Knows which bars an epoch drew first: they went over the training set."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, ...], tuple[float, int]] = {}  # epoch and total, by measures

    def precede(self, frame: Frame, metrics: Sequence[Metric], epoch: float | None) -> bool:
        """Tell whether another bar of the same measures and another length came before in an epoch.

        Then this one goes over what is held out.
        """
        if epoch is None:
            return False
        shape = tuple(metric.name for metric in metrics)
        drawn, total = self._drawn.get(shape, (None, 0))
        if drawn != epoch:
            self._drawn[shape] = (epoch, frame.total)
            return False
        return total != frame.total


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
    """
    if "%|" in line:
        found = _TQDM.search(line)
        if found is None:
            return None
        inside = found["inside"] or ""
        postfix = inside.split(", ", 2)[2] if inside.count(", ") > 1 else ""
        if _LOADING.search(inside):
            return Frame("", 0, 0, "", "", number)
        title = line[: found.start()]
        after = found["after"]
        if _TQDM.search(after):
            after = ""
    elif "/" in line[:32]:
        found = _KERAS.match(line)
        if found is None:
            return None
        title, postfix, after = "", found["after"], ""
    elif line.lstrip(" ")[:2] in {"[=", "[>"}:
        found = _LEADING.match(line)
        if found is None:
            return None
        title, postfix, after = "", found["after"], ""
    else:
        return None
    return Frame(title, int(found["done"]), int(found["total"]), postfix, after, number)
