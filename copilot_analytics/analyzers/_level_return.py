"""Whether the return of an agent is level, and not only between two rises or in a dip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._judged import judged_series
from copilot_analytics.analyzers._phase_kinds import Phase
from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.stats.noise import effective_n

if TYPE_CHECKING:
    from copilot_analytics.analyzers.metric import MainMetric
    from copilot_analytics.analyzers.phase import Phases
    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run


def is_still_rough(run: Run, main: MainMetric, phases: Phases) -> bool:
    """Tell whether a return has not been level for long enough to say that it is.

    Returns wander: each is a mean over episodes that overlap, of a policy that changes what it
    meets, so a forecast that takes their noise for independent is sure too early and of the
    contrary soon after. What is level has been so for a seventh of all evaluations, and is not in a
    dip, from which an agent comes back.

    Parameters
    ----------
    run
        The run as it stands.
    main
        Its main metric; of one that is no return this says nothing.
    phases
        Since when it is flat.
    """
    if main.name is None or not is_a_return(main.name):
        return False
    if not phases.history or phases.current not in {Phase.PLATEAU, Phase.CONVERGED}:
        return True
    step, value, *_ = judged_series(run, main.name)
    planned = run.planned_steps is not None
    if len(value) < (_FEWEST if planned else _FEWEST_WITHOUT_PLAN):
        return True
    flat = value[step > phases.history[-1].from_step]
    if len(flat) < max(_FEWEST, math.ceil(_LONG * len(value))):
        return True
    better = flat if main.direction == "max" else -flat
    dip = float(np.median(better) - np.mean(better[-_NEWEST:]))
    return dip > _IN_A_DIP * float(np.std(better))


def wander(value: Floats, width: int) -> float:
    """Return the noise of a return, as large as it is to a mean of several in a row.

    Parameters
    ----------
    value
        Evaluations in their order.
    width
        How many in a row make a level, about which the noise is measured.

    Examples
    --------
    >>> import numpy as np
    >>> white = np.random.default_rng(0).normal(size=400)
    >>> smooth = np.convolve(white, np.full(10, 10**-0.5), "valid")
    >>> wander(smooth, 20) > 2 * wander(white, 20)
    True
    """
    if len(value) <= width:
        return 0.0
    level = np.convolve(value, np.full(width, 1.0 / width), "valid")
    rest = value[width // 2 :][: len(level)] - level
    return float(np.std(rest)) * math.sqrt(len(rest) / effective_n(rest))


_FEWEST = 20
_FEWEST_WITHOUT_PLAN = 50
_LONG = 1 / 7
_NEWEST = 5
_IN_A_DIP = 0.5
