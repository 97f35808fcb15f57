"""Tells of a resume that a new log does not speak of: its first row goes on from the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.records import Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.run import Run


def begins_after(item: Item, line: int) -> bool:
    """Tell whether training, or a resume of it, begins with an item after a line."""
    first = _first(item)
    return first.kind in {"train", "eval", "resume"} and first.line > line


def unsaid_resume(item: Item, run: Run) -> Iterator[Record]:
    """Yield a resume before the first row of a new log that goes on without a word of it.

    One whose steps fall shows by that whether it resumes the run or begins another one.

    Parameters
    ----------
    item
        With what the new log begins.
    run
        The run so far.

    Examples
    --------
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records([Record("train", step=10)])
    >>> [one.kind for one in unsaid_resume(Record("train", step=20, line=1), run)]
    ['resume']
    >>> list(unsaid_resume(Record("train", step=1, line=1), run))
    []
    """
    first, goes_on = _first(item), False
    if first.step is not None:
        goes_on = first.step > run.last_step > 0
    elif first.epoch is not None:
        goes_on = first.epoch > (run.last_epoch or 0.0) > 0.0
    if goes_on and first.kind != "resume":
        yield Record("resume", facts={"unsaid": True}, line=first.line, file=item.file)


def _first(item: Item) -> Record:
    return next(item.records()) if isinstance(item, Block) else item
