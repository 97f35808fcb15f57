"""Tells runs without time stamps apart that are written to one place, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.records import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from copilot_analytics.records import Item, Record


class FirstRows:
    """Names the runs of one log by the first row of each.

    Weights begin anew at random, so that another training in an overwritten log seldom begins with
    the same loss. One that does, with a fixed seed, is taken for the run that was there before.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> rows, row = FirstRows(), Record("train", step=1, metrics={"loss": 2.5})
    >>> rows.name_of(row), rows.name_of(row)
    ("1 None [('loss', 2.5)] 0", "1 None [('loss', 2.5)] 1")
    """

    def __init__(self) -> None:
        self._known: list[str] = []

    def copy(self) -> FirstRows:
        """Return names as they stand now, for a log that is read again."""
        again = FirstRows()
        again._known = list(self._known)
        return again

    def name_of(self, first: Record) -> str:
        """Return the name of the run that begins with a row."""
        step = None if first.step is None else int(first.step)
        epoch = None if first.epoch is None else float(first.epoch)
        metrics = sorted((name, float(value)) for name, value in first.metrics.items())
        row = f"{step} {epoch} {metrics}"
        self._known.append(row)
        return f"{row} {self._known.count(row) - 1}"


def first_row_apart(items: Iterable[Item], is_named: Callable[[], bool]) -> Iterator[Item]:
    """Yield the row that names a run apart: what was kept of the run is known only then.

    Parameters
    ----------
    items
        Records and blocks of a log.
    is_named
        Tells whether the run has a name by now; asked of each item as it comes.
    """
    for item in items:
        if isinstance(item, Block) and len(item) > 1 and not is_named():
            yield item[:1]
            yield item[1:]
        else:
            yield item
