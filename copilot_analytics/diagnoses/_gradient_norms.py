"""The newest gradient norms that have something in common, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from copilot_analytics.analyzers._course import recent
from copilot_analytics.diagnoses._shown import lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run


class Stretch(NamedTuple):
    """Gradient norms in a row, up to the newest one.

    `since` is the step of the first of them, `last_good` that of the norm before it (None if there
    is none), and `lines` are those of the first and of the last one.
    """

    norms: Floats
    since: int
    last_good: int | None
    lines: tuple[int, ...]


def newest_norms(
    run: Run, fewest: int, wanted: Callable[[Floats], NDArray[np.bool_]]
) -> Stretch | None:
    """Return the newest gradient norms as long as they are as wanted; None for fewer than asked.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> norms = (1.0, 0.0, 2.0, 0.0, 0.0)
    >>> run = Run.from_records(
    ...     Record("train", step=step, metrics={"grad_norm": norm}, line=step + 10)
    ...     for step, norm in enumerate(norms, start=1)
    ... )
    >>> newest_norms(run, 2, lambda norm: norm == 0.0)
    Stretch(norms=array([0., 0.]), since=4, last_good=3, lines=(14, 15))
    >>> newest_norms(run, 3, lambda norm: norm == 0.0) is None
    True
    """
    rows = recent(run.train_log, "grad_norm", 0)
    others = np.flatnonzero(~wanted(rows.value))
    first = int(others[-1]) + 1 if len(others) else 0
    if len(rows.value) - first < fewest:
        return None
    return Stretch(
        rows.value[first:],
        int(rows.step[first]),
        int(rows.step[first - 1]) if first else None,
        lines(int(rows.line[first]), int(rows.line[-1])),
    )
