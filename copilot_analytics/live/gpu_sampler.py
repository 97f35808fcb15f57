"""Samples the NVIDIA devices through NVML, as records of kind ``gpu``.

What a device does not answer is absent from its record, never zero. NVML only reads counters of
the driver; no CUDA context is opened and no memory is taken on the device.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from copilot_analytics.live.gpu_errors import XidListener
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_MIB = 2.0**20
_SOONEST_RETRY_S = 10.0
_LATEST_RETRY_S = 600.0
_NO_LIBRARY = "there is no NVIDIA driver here (libnvidia-ml.so.1 was not found)"

# The driver's own error numbers, which pynvml raises as classes.
_UNINITIALIZED, _NOT_LOADED, _LIBRARY_NOT_FOUND, _NO_FUNCTION = 1, 9, 12, 13
_LOST, _MISMATCH, _WRONG_VERSION, _UNKNOWN = 15, 18, 25, 999
_WORDS = {
    _NOT_LOADED: "the NVIDIA driver is not loaded",
    _LIBRARY_NOT_FOUND: _NO_LIBRARY,
    4: "the driver permits no access",
    _NO_FUNCTION: "the driver is too old for NVML",
    _LOST: "a GPU fell off the bus",
    _MISMATCH: "the NVIDIA driver was upgraded under the running kernel module; it needs a reboot",
    _UNINITIALIZED: "telemetry lost: NVML was shut down",
    _UNKNOWN: "telemetry lost: the driver answers 'unknown error', as in containers whose "
    "devices were taken away by a reload of systemd",
}
_TELEMETRY_GONE = frozenset({_UNINITIALIZED, _NOT_LOADED, _MISMATCH, _UNKNOWN})


@dataclass
class _BackOff:
    """When to try again: after 10 s, then twice as long each time, up to 10 min."""

    since: float = 0.0
    wait_s: float = 0.0

    def failed(self, now: float) -> None:
        self.since = now
        self.wait_s = min(max(2.0 * self.wait_s, _SOONEST_RETRY_S), _LATEST_RETRY_S)

    def is_due(self, now: float) -> bool:
        # A clock that was set back must not put off the next try for hours.
        return not 0.0 <= now - self.since < self.wait_s


@dataclass
class _Device:
    handle: Any
    facts: dict[str, Any]
    gone: str = ""
    back_off: _BackOff = field(default_factory=_BackOff)
    held: bool = False


class GpuSampler:
    """Reads all devices that NVML shows.

    Parameters
    ----------
    clock
        Time of the samples in seconds since 1970. Records of a log without time zone are in local
        time read as if it were UTC, so give a clock that speaks the time of the log; see
        :func:`copilot_analytics.live.log_time.now_in_log_time`. May be set later.
    pids
        Processes of the training, for the memory that is theirs; may be set later. In a container
        NVML may number processes as the host does; then none is found and nothing is said.

    Attributes
    ----------
    state : str
        What is read, or in words why nothing is.
    available : bool
        Whether the last sample read any device.

    Examples
    --------
    >>> sampler = GpuSampler()
    >>> records = sampler.sample()  # one record a device, none without a driver
    >>> bool(sampler.state)
    True
    >>> sampler.close()
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, *, pids: Collection[int] = ()
    ) -> None:
        self.pids = frozenset(pids)
        self.state = "no sample was taken yet"
        self.clock = clock
        self._nvml: Any = None
        self._devices: list[_Device] = []
        self._errors: XidListener | None = None
        self._back_off = _BackOff()
        self._hopeless = False

    @property
    def available(self) -> bool:
        """Whether the last sample read any device."""
        return any(not device.gone for device in self._devices)

    def sample(self) -> list[Record]:
        """Return one record a device; none where there is no telemetry, see `state`.

        A device that is lost, or whose telemetry is, gets one record that says so; it is asked
        again after 10 s, then ever more rarely, and gets records again once it answers.
        """
        now = self.clock()
        if not self._devices and not self._open(now):
            return []
        if self._errors is not None:
            self._errors.hear()
        records = [
            self._record(device, now)
            for device in self._devices
            if not device.gone or device.back_off.is_due(now)
        ]
        said = [record for record in records if record is not None]
        self._sum_up(now)
        return said

    def close(self) -> None:
        """Let go of NVML; no sample is taken any more."""
        self._shut_down()
        self._hopeless = True
        self.state = "closed"

    # ------------------------------------------------------------------ opening

    def _open(self, now: float) -> bool:
        if self._hopeless or not self._back_off.is_due(now):
            return False
        try:
            import pynvml
        except ImportError:
            self._hopeless = True
            self.state = "the package nvidia-ml-py is not installed; pip install nvidia-ml-py"
            return False
        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self._nvml = None
            self._hopeless = error.value == _LIBRARY_NOT_FOUND
            self._give_up(now, error.value)
            return False
        try:
            self._devices = self._find()
        except pynvml.NVMLError as error:
            self._shut_down()
            self._give_up(now, error.value)
            return False
        if not self._devices:
            self._shut_down()
            self._back_off.failed(now)
            self.state = "the driver shows no GPU"
            return False
        whole = [device for device in self._devices if "parent" not in device.facts]
        self._errors = XidListener(pynvml, {one.facts["uuid"]: one.handle for one in whole})
        return True

    def _give_up(self, now: float, code: int) -> None:
        self._back_off.failed(now)
        self.state = _WORDS.get(code, f"NVML fails with error {code}")

    def _find(self) -> list[_Device]:
        """Return the devices and, where a device is split, its instances."""
        nvml = self._nvml
        found: list[_Device] = []
        first_error = None
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                uuid = nvml.nvmlDeviceGetUUID(handle)
            except nvml.NVMLError as error:
                first_error = first_error or error
                continue
            # Numbers may be dealt anew; the UUID stays.
            by_uuid = self._ask(nvml.nvmlDeviceGetHandleByUUID, uuid)
            name = self._ask(nvml.nvmlDeviceGetName, handle)
            facts = {"uuid": uuid, "index": index}
            if name is not None:
                facts["name"] = name
            parts = self._instances(handle, facts)
            if parts is not None:
                facts["mig"] = True
            found.append(_Device(handle if by_uuid is None else by_uuid, facts))
            found.extend(parts or ())
        if not found and first_error is not None:
            raise first_error
        return found

    def _instances(self, handle: Any, parent: dict[str, Any]) -> list[_Device] | None:
        """Return the instances of a split device; None if it is whole or does not tell."""
        nvml = self._nvml
        modes = self._ask(nvml.nvmlDeviceGetMigMode, handle)
        if modes is None or not modes[0]:
            return None
        parts = []
        for slot in range(self._ask(nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            part = self._ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, slot)
            uuid = None if part is None else self._ask(nvml.nvmlDeviceGetUUID, part)
            if uuid is not None:
                parent_uuid = parent["uuid"]
                facts = {**parent, "uuid": uuid, "mig": True, "parent": parent_uuid}
                parts.append(_Device(part, facts))
        return parts

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return an answer; None if the driver has none."""
        try:
            return function(*arguments)
        except self._nvml.NVMLError:
            return None

    def _shut_down(self) -> None:
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        if self._nvml is not None:
            self._ask(self._nvml.nvmlShutdown)
        self._nvml = None
        self._devices = []

    # ------------------------------------------------------------------ reading

    def _record(self, device: _Device, now: float) -> Record | None:
        metrics: dict[str, float] = {}
        facts = dict(device.facts)
        errors: set[int] = set()
        for read in (_memory, _utilization, _temperature, _power, _power_limit, _clocks, _ecc):
            try:
                metrics.update(read(self._nvml, device.handle))
            except self._nvml.NVMLError as error:
                errors.add(error.value)
        try:
            metrics.update(self._processes(device, facts))
        except self._nvml.NVMLError as error:
            errors.add(error.value)
        gone = ""
        if _LOST in errors:
            gone = "lost"
        elif not metrics and errors & _TELEMETRY_GONE:
            gone = "telemetry_lost"
        if not gone:
            device.gone = ""
            device.back_off = _BackOff()
            return Record("gpu", time=now, metrics=metrics | self._xid(device), facts=facts)
        device.back_off.failed(now)
        if gone == device.gone:
            return None
        device.gone = gone
        return Record(
            "gpu", time=now, metrics=self._xid(device), facts={**device.facts, gone: True}
        )

    def _xid(self, device: _Device) -> dict[str, float]:
        """Return the next error of a device; it is taken only for a record that is kept."""
        xid = None if self._errors is None else self._errors.next_of(device.facts["uuid"])
        return {} if xid is None else {"gpu_xid": float(xid)}

    def _processes(self, device: _Device, facts: dict[str, Any]) -> dict[str, float]:
        running = _running(self._nvml, device.handle)
        metrics = {"gpu_processes": float(len({one.pid for one in running}))}
        ours = [one for one in running if one.pid in self.pids]
        memory = [one.usedGpuMemory for one in ours if _known(one.usedGpuMemory)]
        if memory:
            device.held = True
            metrics["gpu_process_memory_mib"] = sum(memory) / _MIB
            facts["pid"] = int(ours[0].pid)
        elif device.held and self.pids and not ours:
            # It was seen here before, so that it is absent now is an answer.
            metrics["gpu_process_memory_mib"] = 0.0
        return metrics

    def _sum_up(self, now: float) -> None:
        """Say how things are, and start anew where all telemetry is lost."""
        devices = self._devices
        if all(device.gone for device in devices):
            blind = any(device.gone == "telemetry_lost" for device in devices)
            self._shut_down()
            self._give_up(now, _UNKNOWN if blind else _LOST)
            return
        self._back_off = _BackOff()
        whole = [device for device in devices if "parent" not in device.facts]
        words = [f"{len(whole)} GPU" + ("s" if len(whole) > 1 else "")]
        for device in devices:
            if device.gone:
                why = "is lost" if device.gone == "lost" else "does not answer any more"
                words.append(f"GPU {device.facts['index']} {why}")
        if any(device.facts.get("mig") for device in whole):
            words.append("utilisation is unknown where a GPU is split (MIG)")
        self.state = "; ".join(words)


def _known(answer: Any) -> bool:
    """Tell whether a number is one; the driver writes all ones where it knows none."""
    return answer is not None and answer not in {2**64 - 1, 2**32 - 1}


def _running(nvml: Any, handle: Any) -> list[Any]:
    # The name without a version raises what is no NVMLError where the driver lacks the newest.
    try:
        return list(nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle))
    except nvml.NVMLError as error:
        older = getattr(nvml, "nvmlDeviceGetComputeRunningProcesses_v2", None)
        if error.value != _NO_FUNCTION or older is None:
            raise
        return list(older(handle))


def _memory(nvml: Any, handle: Any) -> dict[str, float]:
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except nvml.NVMLError as error:
        # Drivers before 510; what they call used holds the reserved part.
        if error.value not in {_NO_FUNCTION, _WRONG_VERSION}:
            raise
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    if not _known(memory.total) or not memory.total:
        return {}
    parts = {"total": memory.total, "used": memory.used}
    if hasattr(memory, "reserved"):
        parts["reserved"] = memory.reserved
    return {
        f"gpu_memory_{name}_mib": size / _MIB
        for name, size in parts.items()
        if _known(size) and size <= memory.total
    }


def _utilization(nvml: Any, handle: Any) -> dict[str, float]:
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    both = {"gpu_utilization_pct": rates.gpu, "gpu_memory_utilization_pct": rates.memory}
    return {name: float(rate) for name, rate in both.items() if _known(rate)}


def _temperature(nvml: Any, handle: Any) -> dict[str, float]:
    degrees = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
    return {"gpu_temperature_c": float(degrees)} if _known(degrees) else {}


def _power(nvml: Any, handle: Any) -> dict[str, float]:
    milliwatts = nvml.nvmlDeviceGetPowerUsage(handle)
    return {"gpu_power_w": milliwatts / 1000.0} if _known(milliwatts) else {}


def _power_limit(nvml: Any, handle: Any) -> dict[str, float]:
    milliwatts = nvml.nvmlDeviceGetEnforcedPowerLimit(handle)
    return {"gpu_power_limit_w": milliwatts / 1000.0} if _known(milliwatts) else {}


def _clocks(nvml: Any, handle: Any) -> dict[str, float]:
    try:
        bits = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except (AttributeError, nvml.NVMLError) as error:
        # Older drivers know the same bits by an older name.
        if getattr(error, "value", _NO_FUNCTION) != _NO_FUNCTION:
            raise
        bits = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    if not _known(bits):
        return {}
    heat = nvml.nvmlClocksThrottleReasonSwThermalSlowdown
    heat |= nvml.nvmlClocksThrottleReasonHwThermalSlowdown
    power = nvml.nvmlClocksThrottleReasonSwPowerCap
    power |= nvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
    return {
        "gpu_throttle_thermal": float(bool(bits & heat)),
        "gpu_throttle_power": float(bool(bits & power)),
    }


def _ecc(nvml: Any, handle: Any) -> dict[str, float]:
    errors = nvml.nvmlDeviceGetTotalEccErrors(
        handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
    )
    return {"gpu_ecc_uncorrected": float(errors)} if _known(errors) else {}
