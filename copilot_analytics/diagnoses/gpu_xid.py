"""Errors that the driver reports of a device, by their Xid numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from copilot_analytics.analyzers.gpu import GpuAnalyzer
from copilot_analytics.diagnoses._base import Diagnosis
from copilot_analytics.diagnoses._gpus import called
from copilot_analytics.findings import Evidence, Finding, Severity

if TYPE_CHECKING:
    from copilot_analytics.analyzers._base import Results
    from copilot_analytics.run import Run


class _Error(NamedTuple):
    what: str
    is_hardware: bool


# What NVIDIA's document "XID Errors" says of them. 45 only cleans up after another error or a kill.
_KNOWN = {
    13: _Error("a kernel did what it must not (graphics engine exception)", is_hardware=False),
    31: _Error("a kernel touched memory that is not its own (MMU fault)", is_hardware=False),
    43: _Error("a kernel hung or failed and was stopped", is_hardware=False),
    48: _Error("a memory error that ECC cannot correct (double bit)", is_hardware=True),
    61: _Error("the device's controller stopped (micro-controller breakpoint)", is_hardware=True),
    62: _Error("the device's controller halted", is_hardware=True),
    63: _Error("a bad memory row was set aside; it counts after a reset", is_hardware=True),
    64: _Error("a bad memory row could not be set aside", is_hardware=True),
    74: _Error("an NVLink failed", is_hardware=True),
    79: _Error("the device fell off the bus", is_hardware=True),
    94: _Error("a memory error, contained in one application", is_hardware=True),
    95: _Error("a memory error that was not contained", is_hardware=True),
    119: _Error("the device's system processor (GSP) does not answer", is_hardware=True),
    120: _Error("the device's system processor (GSP) failed", is_hardware=True),
}
_HARMLESS = frozenset({45})
_MOST_NAMED = 4


class GpuXid(Diagnosis):
    """The driver reported an Xid error while it was listened to."""

    name: ClassVar[str] = "gpu_xid"
    headline: ClassVar[str] = "GPU ERROR"
    needs = (GpuAnalyzer,)
    lasting: ClassVar[bool] = True

    def check(self, run: Run, results: Results) -> Finding | None:
        """Return the finding, the first error of each device as its evidence."""
        told = [
            (device, xid)
            for device in results.of(GpuAnalyzer).devices
            if device.used is not False
            for xid in device.xids
            if xid not in _HARMLESS
        ]
        if not told:
            return None
        # A broken device also makes kernels fail, so it is the cause where both are told.
        told.sort(key=lambda pair: not _known(pair[1]).is_hardware)
        device, xid = told[0]
        hardware = _known(xid).is_hardware
        return Finding(
            self.name,
            Severity.CRITICAL if hardware else Severity.WARNING,
            None,
            f"{called(device)} reports Xid {xid}: {_known(xid).what}",
            "What runs on the device usually ends or hangs, and what it computed since then is not "
            "to be trusted."
            if hardware
            else "The process whose kernel it was cannot go on using the device; other processes "
            "can.",
            tuple(Evidence(called(one), f"Xid {number}") for one, number in told[:_MOST_NAMED]),
            "Resume from the last checkpoint on another device; reset this one (nvidia-smi -r) or "
            "reboot, and have it checked if the error returns."
            if hardware
            else "Resume from the last checkpoint; if it returns at the same place, look for "
            "indices out of range (compute-sanitizer), else for memory errors of the device.",
        )


def _known(xid: int) -> _Error:
    return _KNOWN.get(xid, _Error("see NVIDIA's list of Xid errors", is_hardware=False))


DIAGNOSIS = GpuXid()
