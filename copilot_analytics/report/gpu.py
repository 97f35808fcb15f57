"""What the devices did over the whole run, as far as a live watch sampled them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from copilot_analytics.diagnoses._gpus import called

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.gpu import Gpu, GpuDevice
    from copilot_analytics.records import Floats, Ints
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One device over all its samples; None for what its driver never told.

    Parameters
    ----------
    uuid, name
        Which device; the name is for people and tells devices of one report apart.
    device
        What the analyzer says of it now.
    samples
        How many there are.
    memory_peak_mib, memory_total_mib
        Most memory in use, by whomever, and memory there is.
    process_memory_peak_mib
        Most memory of the training's own processes.
    utilization_median_pct, utilization_p95_pct
        Share of the time in which a kernel ran, over all samples.
    temperature_median_c, temperature_max_c
        Of the chip.
    power_median_w, power_max_w, power_limit_w
        Power drawn, and the limit as of the last sample that tells.
    throttle_thermal_share, throttle_power_share
        Share of the samples in which heat, or the power limit, held the clocks down, in [0, 1].
    ecc_uncorrected
        Memory errors that were not corrected, as the driver has counted since it was loaded.
    """

    uuid: str
    name: str
    device: GpuDevice
    samples: int
    memory_peak_mib: float | None = None
    memory_total_mib: float | None = None
    process_memory_peak_mib: float | None = None
    utilization_median_pct: float | None = None
    utilization_p95_pct: float | None = None
    temperature_median_c: float | None = None
    temperature_max_c: float | None = None
    power_median_w: float | None = None
    power_max_w: float | None = None
    power_limit_w: float | None = None
    throttle_thermal_share: float | None = None
    throttle_power_share: float | None = None
    ecc_uncorrected: float | None = None


def gpu_use(analysis: Analysis) -> tuple[GpuUse, ...]:
    """Return the use of each device, those of the training first; empty without samples."""
    answer: Gpu | None = analysis.others.get("gpu")
    if answer is None or not answer.devices:
        return ()
    run, rows = analysis.run, analysis.run.gpu_log.rows_of_devices()
    devices = sorted(answer.devices, key=lambda device: device.used is False)
    return tuple(_use(run, device, rows[device.uuid]) for device in devices if device.uuid in rows)


def sampled(run: Run, rows: Ints, name: str) -> tuple[Floats, Floats]:
    """Return times and values of a metric in some rows of the samples, where it was told."""
    log = run.gpu_log
    if name not in log.metric_names:
        return np.empty(0), np.empty(0)
    value, time = log.column(name)[rows], log.time[rows]
    told = np.isfinite(value) & np.isfinite(time)
    return time[told], value[told]


def _use(run: Run, device: GpuDevice, rows: Ints) -> GpuUse:
    def over(name: str, quantile: float) -> float | None:
        value = sampled(run, rows, name)[1]
        return float(np.quantile(value, quantile)) if len(value) else None

    def mean(name: str) -> float | None:
        value = sampled(run, rows, name)[1]
        return float(value.mean()) if len(value) else None

    def newest(name: str) -> float | None:
        value = sampled(run, rows, name)[1]
        return float(value[-1]) if len(value) else None

    name = called(device)
    if device.uuid.startswith("MIG-") and name != device.uuid:
        name = f"{name} {device.uuid[:12]}"  # the whole device has the same index
    return GpuUse(
        device.uuid,
        name,
        device,
        len(rows),
        memory_peak_mib=over("gpu_memory_used_mib", 1.0),
        memory_total_mib=newest("gpu_memory_total_mib"),
        process_memory_peak_mib=over("gpu_process_memory_mib", 1.0),
        utilization_median_pct=over("gpu_utilization_pct", 0.5),
        utilization_p95_pct=over("gpu_utilization_pct", 0.95),
        temperature_median_c=over("gpu_temperature_c", 0.5),
        temperature_max_c=over("gpu_temperature_c", 1.0),
        power_median_w=over("gpu_power_w", 0.5),
        power_max_w=over("gpu_power_w", 1.0),
        power_limit_w=newest("gpu_power_limit_w"),
        throttle_thermal_share=mean("gpu_throttle_thermal"),
        throttle_power_share=mean("gpu_throttle_power"),
        ecc_uncorrected=newest("gpu_ecc_uncorrected"),
    )
