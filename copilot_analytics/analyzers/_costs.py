"""What the rest of a run costs, and what each hour of it is expected to bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.forecast import ForecastAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Options, Results
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class Costs:
    """The price of a time.

    Parameters
    ----------
    gpu_h, money
        None if the time, or the price, is unknown.
    counted
        Whether the number of GPUs is known; else one is assumed.
    """

    gpu_h: float | None
    money: float | None
    counted: bool


def costs_of(run: Run, options: Options, time_s: float | None) -> Costs:
    """Return what some seconds of a run cost; None if it is unknown how many.

    Examples
    --------
    >>> from copilot_analytics.analyzers._base import Options
    >>> from copilot_analytics.run import Run
    >>> costs = costs_of(Run(), Options(gpus=4, price_per_gpu_hour=2.0), 1800.0)
    >>> costs.gpu_h, costs.money
    (2.0, 4.0)
    """
    gpus, price = options.gpus or run.meta.gpus, options.price_per_gpu_hour
    gpu_h = None if time_s is None else time_s * (gpus or 1) / 3600.0
    money = None if gpu_h is None or price is None else gpu_h * price
    return Costs(gpu_h, money, bool(gpus))


def gains_for_each(
    run: Run, results: Results, options: Options
) -> tuple[float | None, float | None]:
    """Return what each GPU-hour and unit of money of the rest is expected to bring.

    In the metric's units; None where the run is over, or its end, the number of GPUs or their price
    is unknown.
    """
    ahead, life = results.of(ForecastAnalyzer), results.of(LifecycleAnalyzer)
    gain = ahead.expected_gain
    if gain is None or not ahead.end_known or life.status == "finished":
        return None, None
    rest = costs_of(run, options, results.of(EtaAnalyzer).remaining_s)
    if not rest.counted or not rest.gpu_h:
        return None, None
    return gain / rest.gpu_h, gain / rest.money if rest.money else None
