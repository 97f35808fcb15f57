"""What the rules about devices share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.analyzers.gpu import GpuAnalyzer, GpuDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot_analytics.analyzers._base import Results


def called(device: GpuDevice) -> str:
    """Name a device for a reader.

    Examples
    --------
    >>> called(GpuDevice("GPU-1", 0, "A100")), called(GpuDevice("GPU-1"))
    ('GPU 0 (A100)', 'GPU-1')
    """
    if device.index is None:
        return device.uuid
    return f"GPU {device.index}" + (f" ({device.name})" if device.name else "")


def in_use(results: Results) -> Iterator[GpuDevice]:
    """Yield the devices that the training uses or may use, as long as they answer."""
    for device in results.of(GpuAnalyzer).devices:
        if device.used is not False and not device.lost and not device.telemetry_lost:
            yield device


def duration(seconds: float) -> str:
    """Return a time span in the two units that matter.

    Examples
    --------
    >>> duration(42), duration(605), duration(7380)
    ('42 s', '10 min', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
