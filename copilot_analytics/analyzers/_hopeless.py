"""Whether a run is past help, and what one that failed would still bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.analyzers._course import recent
from copilot_analytics.analyzers._dead import dead_run
from copilot_analytics.analyzers._plan import eval_spacing
from copilot_analytics.analyzers.divergence import Divergence, DivergenceAnalyzer
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.wording import duration, place, share

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run

LOST = frozenset({"nan", "exploded"})
_NAN_ROWS = 5
_LOST_ROWS = 20
_LOST_SHARE = 0.02
_RISEN_SHARE = 0.1
_FAR = 1.5
_OVERDUE = 1.5
_MOST_ROWS = 400
_ON_ITS_WAY = 0.1  # of what it had risen


def hopeless(run: Run, results: Results) -> tuple[str, str] | None:
    """Say why the run cannot recover, and where to go back to if that is known; None if it can."""
    health = results.of(DivergenceAnalyzer)
    lost = health.state in {"nan", "exploded", "masked"} or _rose_far(health)
    if lost and health.since_step is not None:
        log = run.train_log
        newest = log.step[-_MOST_ROWS:]
        began = health.since_step
        if health.state == "exploded" and health.last_good_step is not None:
            began = min(began, health.last_good_step + 1)  # it may have gone up for long before
        rows = int(np.count_nonzero(newest >= began))
        needed = _NAN_ROWS
        if health.state != "nan":
            share_of_all = _RISEN_SHARE if health.state == "rising" else _LOST_SHARE
            needed = min(max(_LOST_ROWS, int(share_of_all * len(log))), _MOST_ROWS)
        if rows < needed:
            return None
        if health.state in {"exploded", "rising"} and (
            _comes_back(run, health, rows) or _awaits_evaluation(run, results, health)
        ):
            return None
        shown = {
            "nan": "is not finite",
            "exploded": f"exploded to {health.level or 0.0:.4g}",
            "rising": f"rose to {health.level or 0.0:.4g} and stays up",
            "masked": "shows what a filtered NaN looks like",
        }[health.state]
        since = place(health.since_step, run.epoch_of(health.since_step))
        way_back = ""
        if health.last_good_step is not None:
            good = place(health.last_good_step, run.epoch_of(health.last_good_step))
            way_back = f"go back to a checkpoint of {good} or earlier"
        return f"{health.column} {shown} since {since}, {rows} records in a row", way_back
    dead = dead_run(run, results)
    if dead is not None and dead.chance is not None and run.meta.num_classes is not None:
        guess = f"guessing among {run.meta.num_classes} classes ({dead.chance:.4g})"
        return f"the loss is {dead.now:.4g} after {dead.rows} records, which is {guess}", ""
    return None


def _comes_back(run: Run, health: Divergence, rows: int) -> bool:
    """Tell whether a loss that exploded is on its way back, as after a harder stage began."""
    value = recent(run.train_log, health.column, len(run.train_log) - rows).value
    value = value[np.isfinite(value)]
    before = health.threshold if health.state == "rising" else health.before
    if before is None or len(value) < 2:
        return False
    earlier, later = np.array_split(value, 2)
    fell = float(np.median(earlier) - np.median(later))
    return fell > _ON_ITS_WAY * (float(np.median(earlier)) - before) > 0.0


def _awaits_evaluation(run: Run, results: Results, health: Divergence) -> bool:
    """Tell whether the first evaluation since a jump is still to come, and is due."""
    main, spacing, since = results.of(MetricAnalyzer), eval_spacing(run), health.since_step or 0
    if main.last_step is None or spacing is None or main.last_step > since:
        return False
    return run.last_step <= main.last_step + _OVERDUE * spacing


def _rose_far(health: Divergence) -> bool:
    """Tell whether a loss that rises without recovery is half as high again as at its best."""
    if health.state != "rising" or health.level is None or health.threshold is None:
        return False
    return health.level > _FAR * health.threshold > 0.0


def lost_loss(run: Run, results: Results) -> str | None:
    """Say that the loss is not finite or has exploded; None if neither."""
    health = results.of(DivergenceAnalyzer)
    if health.state not in LOST:
        return None
    what = "is not finite" if health.state == "nan" else f"exploded to {health.level or 0.0:.4g}"
    since = place(health.since_step, run.epoch_of(health.since_step))
    return f"{health.column} {what} {'since' if health.state == 'nan' else 'at'} {since}"


def after_failure(run: Run, results: Results, status: str) -> str:
    """Say what the rest of a run that crashed or was interrupted would take and bring."""
    eta, ahead = results.of(EtaAnalyzer), results.of(ForecastAnalyzer)
    text = f"the run {'crashed' if status == 'crashed' else 'was interrupted'}"
    lost = lost_loss(run, results)
    if lost is not None:
        return f"{text}; {lost}, so what it would have brought cannot be told"
    rest = []
    if eta.remaining_s:
        rest.append(f"take about {duration(eta.remaining_s)}")
    if ahead.p_gain is not None and ahead.end_known:
        rest.append(f"bring a worthwhile gain with a chance of {share(ahead.p_gain)}")
    return f"{text}; if it is resumed, the rest would {' and '.join(rest)}" if rest else text
