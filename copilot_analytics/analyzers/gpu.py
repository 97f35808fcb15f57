"""What the devices say: memory, utilisation, throttling, and whether they are still there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from copilot_analytics.analyzers._base import Analyzer, Options, Results
from copilot_analytics.analyzers._peaks import Growth, Peaks
from copilot_analytics.analyzers.eta import EtaAnalyzer
from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.events import ENDED
from copilot_analytics.findings import NotJudged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from copilot_analytics.events import Event
    from copilot_analytics.records import Record
    from copilot_analytics.run import Run


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """One device, as far as its driver answers; None where it does not.

    Parameters
    ----------
    uuid, index, name
        Which device; `index` as the driver counts.
    used
        Whether the training holds memory on it; None if no device tells.
    split
        Whether it is split (MIG) or an instance of a split one.
    lost, telemetry_lost
        Whether it fell off the bus, and whether the driver stopped answering.
    samples
        Samples taken.
    latest
        The newest metrics by name.
    last_time
        Time of the newest sample, seconds since 1970.
    peak_memory_mib, total_memory_mib
        Highest memory in use, by whomever, and memory there is.
    peaks_arriving
        Whether the newest third of the samples still brought a new peak. This and growth follow
        the memory of the training's process where it is told, else all that is in use.
    utilization_median_pct, utilization_p95_pct
        Over the newest 512 samples that fell between training records; None below 60.
    throttled_share
        Share of the newest 512 samples in which heat slowed the clocks; None below 60.
    growing
        Whether memory grows significantly and goes on growing.
    mib_per_hour
        Slope while growing.
    reaches_limit_time
        When it would be full, in seconds since 1970; None if not before the run's expected end.
    pid, held_after_end_s
        The process, and how long it has held memory since the run was over; None if it does not.
    xids
        Numbers of the Xid errors that the driver told since the process began, each once.
    """

    uuid: str
    index: int | None = None
    name: str = ""
    used: bool | None = None
    split: bool = False
    lost: bool = False
    telemetry_lost: bool = False
    samples: int = 0
    latest: Mapping[str, float] = field(default_factory=dict)
    last_time: float | None = None
    peak_memory_mib: float | None = None
    total_memory_mib: float | None = None
    peaks_arriving: bool = False
    utilization_median_pct: float | None = None
    utilization_p95_pct: float | None = None
    throttled_share: float | None = None
    growing: bool = False
    mib_per_hour: float | None = None
    reaches_limit_time: float | None = None
    pid: int | None = None
    held_after_end_s: float | None = None
    xids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Gpu:
    """The devices of the machine, in the order in which they were first seen."""

    devices: tuple[GpuDevice, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()


class GpuAnalyzer(Analyzer[Gpu]):
    """Follows the telemetry of the devices.

    Utilisation is judged only while training goes on: a sample counts once the next training
    record has come without an evaluation in between. The state is bounded, however long the run.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> device = {"uuid": "GPU-1", "index": 0}
    >>> level = {"gpu_memory_used_mib": 900.0, "gpu_memory_total_mib": 1000.0}
    >>> run = Run.from_records(
    ...     Record("gpu", time=10.0 * i, metrics=level, facts=device) for i in range(32)
    ... )
    >>> GpuAnalyzer.of(run).devices[0].peak_memory_mib
    900.0
    """

    name: ClassVar[str] = "gpu"
    needs = (LifecycleAnalyzer, EtaAnalyzer)
    follows_gpu: ClassVar[bool] = True

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._now = Gpu(not_judged=(_NO_TELEMETRY,))
        self._devices: dict[str, _Device] = {}
        self._rows = 0
        self._evals = 0
        self._over = False
        self._new = False

    def sample(self, run: Run, record: Record) -> None:
        """Take one sample of one device."""
        self._settle(run)
        uuid = str(record.facts.get("uuid", ""))
        device = self._devices.get(uuid)
        if device is None:
            if len(self._devices) == _MOST_DEVICES:
                return
            device = self._devices[uuid] = _Device()
        device.take(record, training=self._rows > 0 and not self._over, over=self._over)
        self._new = True

    def look(self, run: Run, results: Results, record: Record) -> Iterable[Event]:
        """Look at the run as it stands after `record`."""
        if not self._devices:
            return ()
        self._settle(run)
        over = results.of(LifecycleAnalyzer).status in ENDED
        changed = over != self._over
        self._over = over
        for device in self._devices.values():
            if record.kind == "resume":
                device.begin()
            if not over:
                device.held_since = None
        if not self._new and not changed and record.kind != "resume":
            return ()
        self._new = False
        left_s = None if over else results.of(EtaAnalyzer).remaining_s
        told = any(device.held for device in self._devices.values())
        shown = tuple(
            device.shown(uuid, left_s, used=device.held if told else None, over=over)
            for uuid, device in self._devices.items()
        )
        self._now = Gpu(shown, tuple(_gaps(shown)))
        return ()

    def result(self) -> Gpu:
        """Return the answer as of the last look."""
        return self._now

    def _settle(self, run: Run) -> None:
        """Decide whether what was sampled since the last training record was training."""
        rows, evals = len(run.train_log), len(run.eval_log)
        if evals != self._evals:
            for device in self._devices.values():
                device.pending.clear()
        elif rows != self._rows:
            for device in self._devices.values():
                device.utilization.extend(device.pending)
                device.pending.clear()
        self._rows, self._evals = rows, evals


ANALYZER = GpuAnalyzer

_MOST_DEVICES = 256
_NEWEST = 512
_FEWEST_UTILIZATION = 60
_FEWEST_THROTTLE = 60
_MOST_XIDS = 16
_NO_TELEMETRY = NotJudged(
    "GPU telemetry", "the log holds no samples of the devices; a live watch takes them"
)


def _ring() -> deque[float]:
    return deque(maxlen=_NEWEST)


@dataclass
class _Device:
    """What is kept of one device."""

    facts: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    samples: int = 0
    time: float | None = None
    peak_mib: float | None = None
    total_mib: float | None = None
    peaks: Peaks = field(default_factory=Peaks)
    ours_only: bool = False
    pending: deque[float] = field(default_factory=_ring)
    utilization: deque[float] = field(default_factory=_ring)
    throttled: deque[float] = field(default_factory=_ring)
    held: bool = False
    held_since: float | None = None
    pid: int | None = None
    xids: list[int] = field(default_factory=list)

    def take(self, record: Record, *, training: bool, over: bool) -> None:
        metrics = record.metrics
        self.facts, self.metrics = record.facts, metrics
        self.samples += 1
        xid = metrics.get("gpu_xid")
        if xid is not None and int(xid) not in self.xids and len(self.xids) < _MOST_XIDS:
            self.xids.append(int(xid))
        if record.time is not None:
            self.time = record.time
        self.total_mib = metrics.get("gpu_memory_total_mib", self.total_mib)
        used = metrics.get("gpu_memory_used_mib")
        if used is not None and np.isfinite(used):
            self.peak_mib = used if self.peak_mib is None else max(self.peak_mib, used)
        ours_mib = metrics.get("gpu_process_memory_mib")
        if ours_mib is not None and not self.ours_only:
            self.peaks, self.ours_only = Peaks(), True
        level = ours_mib if self.ours_only else used
        if level is not None and np.isfinite(level) and record.time is not None and not over:
            self.peaks.take(record.time, level)
        busy = metrics.get("gpu_utilization_pct")
        if busy is not None and training:
            self.pending.append(busy)
        if "gpu_throttle_thermal" in metrics:
            self.throttled.append(metrics["gpu_throttle_thermal"])
        ours = ours_mib is not None and ours_mib > 0
        if ours:
            self.held = True
            pid = record.facts.get("pid")
            self.pid = int(pid) if pid is not None else self.pid
        if not (ours and over):
            self.held_since = None
        elif self.held_since is None:
            self.held_since = record.time

    def begin(self) -> None:
        """Forget what belongs to a process that is no more."""
        self.peaks, self.ours_only = Peaks(), False
        self.pending.clear()
        self.xids.clear()

    def shown(self, uuid: str, left_s: float | None, *, used: bool | None, over: bool) -> GpuDevice:
        index = self.facts.get("index")
        busy = np.array(self.utilization)
        enough = len(busy) >= _FEWEST_UTILIZATION
        growth = Growth() if over or used is False else self.peaks.growth(self._room_mib())
        full_at = None
        last = self.time if self.time is not None else 0.0
        if np.isfinite(growth.limit_time) and (left_s is None or growth.limit_time - last < left_s):
            full_at = growth.limit_time
        held_s = None
        if self.held_since is not None and self.time is not None:
            held_s = max(self.time - self.held_since, 0.0)
        return GpuDevice(
            uuid=uuid,
            index=index if isinstance(index, int) else None,
            name=str(self.facts.get("name", "")),
            used=used,
            split=bool(self.facts.get("mig")),
            lost=bool(self.facts.get("lost")),
            telemetry_lost=bool(self.facts.get("telemetry_lost")),
            samples=self.samples,
            latest=dict(self.metrics),
            last_time=self.time,
            peak_memory_mib=self.peak_mib,
            total_memory_mib=self.total_mib,
            peaks_arriving=self.peaks.arriving,
            utilization_median_pct=float(np.median(busy)) if enough else None,
            utilization_p95_pct=float(np.quantile(busy, 0.95)) if enough else None,
            throttled_share=(
                sum(self.throttled) / len(self.throttled)
                if len(self.throttled) >= _FEWEST_THROTTLE
                else None
            ),
            growing=growth.growing,
            mib_per_hour=3600.0 * growth.mib_per_s if growth.growing else None,
            reaches_limit_time=full_at,
            pid=self.pid,
            held_after_end_s=held_s,
            xids=tuple(self.xids),
        )

    def _room_mib(self) -> float:
        """Memory that what is followed can grow to; NaN if unknown."""
        if self.total_mib is None:
            return np.nan
        room = self.total_mib - self.metrics.get("gpu_memory_reserved_mib", 0.0)
        if self.ours_only:
            ours = self.metrics.get("gpu_process_memory_mib", np.nan)
            room -= max(self.metrics.get("gpu_memory_used_mib", ours) - ours, 0.0)
        return room


def _gaps(devices: Iterable[GpuDevice]) -> Iterable[NotJudged]:
    for device in devices:
        which = f"GPU {device.index}" if device.index is not None else device.uuid
        if device.telemetry_lost:
            yield NotJudged(f"telemetry of {which}", "its driver stopped answering")
        elif device.split and "gpu_utilization_pct" not in device.latest:
            yield NotJudged(
                f"utilisation of {which}", "the device is split (MIG) and does not tell"
            )
