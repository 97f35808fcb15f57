"""Statistics of training curves: arrays in, arrays or frozen results out.

Nothing here knows of logs, frames, clocks or files. Points that are not finite are dropped where
nothing else is said, magnitudes above 1e300 count as 1e300, and too few points give NaN, never a
warning. A wrong argument raises ValueError.

Examples
--------
>>> trend = theil_sen([0, 1, 2, 3], [4.0, 3.0, 2.0, 1.0])
>>> trend.slope
-1.0
"""

from __future__ import annotations

from copilot_analytics.stats.changes import Leak, RateChange, leak, rate_change
from copilot_analytics.stats.noise import (
    difference_noise,
    effective_n,
    ewma,
    lag1_autocorrelation,
    robust_z,
)
from copilot_analytics.stats.rates import Overhead, RemainingTime, remaining_time
from copilot_analytics.stats.rises import LevelShift, Rise, level_shift, rose_without_recovery
from copilot_analytics.stats.spikes import Baseline, exploded, find_spikes
from copilot_analytics.stats.thinning import Thinned, thin
from copilot_analytics.stats.trend import (
    MannKendall,
    Trend,
    Velocity,
    mann_kendall,
    theil_sen,
    velocity,
)

__all__ = [
    "Baseline",
    "Leak",
    "LevelShift",
    "MannKendall",
    "Overhead",
    "RateChange",
    "RemainingTime",
    "Rise",
    "Thinned",
    "Trend",
    "Velocity",
    "difference_noise",
    "effective_n",
    "ewma",
    "exploded",
    "find_spikes",
    "lag1_autocorrelation",
    "leak",
    "level_shift",
    "mann_kendall",
    "rate_change",
    "remaining_time",
    "robust_z",
    "rose_without_recovery",
    "theil_sen",
    "thin",
    "velocity",
]
