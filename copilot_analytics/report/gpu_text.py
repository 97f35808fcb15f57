"""The devices in Markdown: a row each, a column for what any of them told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.report.gpu import gpu_use
from copilot_analytics.report.wording import escaped
from copilot_analytics.wording import duration, moment, number, share

if TYPE_CHECKING:
    from collections.abc import Collection

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.report.gpu import GpuUse

_MOST_ROWS = 16
_UNKNOWN = "unknown"
_QUANTITIES = {
    "memory, peak": "memory",
    "of this training": "memory of this training",
    "busy, median (p95)": "utilisation",
    "°C, median (max)": "temperature",
    "W, median (max) of limit": "power",
    "slowed by heat": "whether heat slows it",
    "at the power limit": "whether the power limit does",
    "ECC errors, uncorrected": "ECC errors",
}


def gpu_table(analysis: Analysis) -> tuple[list[str], list[list[str]], list[str]]:
    """Return header, rows and remarks; all empty without samples.

    What no device told has no column and is named in a remark.
    """
    uses = gpu_use(analysis)
    if not uses:
        return [], [], []
    columns = dict(zip(_QUANTITIES, zip(*map(_cells, uses), strict=True), strict=True))
    told = {k: cells for k, cells in columns.items() if any(c != _UNKNOWN for c in cells)}
    rows = [
        [escaped(use.name), *(cells[place] for cells in told.values())]
        for place, use in enumerate(uses[:_MOST_ROWS])
    ]
    return ["", *told], rows, _remarks(analysis, uses, columns.keys() - told.keys())


def _cells(use: GpuUse) -> tuple[str, ...]:
    """Return what is known of a device, in the order of the quantities."""
    ours = "none" if use.device.used is False else _gib(use.process_memory_peak_mib)
    return (
        _memory(use),
        ours,
        _busy(use),
        _temperature(use),
        _power(use),
        _share(use.throttle_thermal_share),
        _share(use.throttle_power_share),
        _UNKNOWN if use.ecc_uncorrected is None else f"{use.ecc_uncorrected:.0f}",
    )


def _remarks(analysis: Analysis, uses: tuple[GpuUse, ...], untold: Collection[str]) -> list[str]:
    time = analysis.run.gpu_log.time
    time = time[np.isfinite(time)]
    lines = []
    if len(time):
        first, last = float(time.min()), float(time.max())
        span = f"over {duration(last - first)} from {moment(first)} on"
        lines.append(
            f"{max(use.samples for use in uses):,} samples a device, taken by `copilot live` "
            f"{span}; the log itself does not hold them."
        )
    if len(uses) > _MOST_ROWS:
        lines.append(f"{len(uses) - _MOST_ROWS} more devices are left out.")
    for use in uses:
        if use.device.used is False:
            lines.append(f"{escaped(use.name)} was not used by this training.")
        if use.device.lost or use.device.telemetry_lost:
            what = "fell off the bus" if use.device.lost else "stopped answering"
            lines.append(f"**{escaped(use.name)} {what}**; what is shown of it is older.")
    if untold:
        words = [word for header, word in _QUANTITIES.items() if header in untold]
        lines.append(f"Not told by the driver: {', '.join(words)}.")
    return lines


def _gib(mib: float | None) -> str:
    return _UNKNOWN if mib is None else f"{number(mib / 1024, 3)} GiB"


def _share(part: float | None) -> str:
    if part is None:
        return _UNKNOWN
    return {0.0: "never", 1.0: "always"}.get(part, f"{share(part)} of samples")


def _memory(use: GpuUse) -> str:
    if use.memory_peak_mib is None or not use.memory_total_mib:
        return _gib(use.memory_peak_mib)
    part = share(use.memory_peak_mib / use.memory_total_mib)
    return f"{_gib(use.memory_peak_mib)} of {_gib(use.memory_total_mib)} ({part})"


def _busy(use: GpuUse) -> str:
    if use.utilization_median_pct is None:
        return _UNKNOWN
    return f"{use.utilization_median_pct:.0f} % ({use.utilization_p95_pct:.0f} %)"


def _temperature(use: GpuUse) -> str:
    if use.temperature_median_c is None:
        return _UNKNOWN
    return f"{use.temperature_median_c:.0f} ({use.temperature_max_c:.0f})"


def _power(use: GpuUse) -> str:
    if use.power_median_w is None:
        return _UNKNOWN
    drawn = f"{use.power_median_w:.0f} ({use.power_max_w:.0f})"
    return drawn if use.power_limit_w is None else f"{drawn} of {use.power_limit_w:.0f}"
