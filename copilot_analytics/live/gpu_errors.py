"""Xid errors of NVIDIA devices, as the driver tells them to those who listen."""

from __future__ import annotations

import ctypes
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_AT_ONCE = 64
_MOST_WAITING = 16


class XidListener:
    """Listens for the Xid errors of some devices from now on; earlier ones are not told.

    Where a driver or a device knows no such events (old ones, most GeForce under Windows, an
    instance of a split device), nothing is heard and nothing is said.

    Parameters
    ----------
    nvml
        The module ``pynvml``, initialised.
    handles
        Devices by their UUID.
    """

    def __init__(self, nvml: Any, handles: Mapping[str, Any]) -> None:
        self._nvml = nvml
        # A lost device does not tell its UUID any more.
        self._named = {_address(handle): uuid for uuid, handle in handles.items()}
        self._waiting: defaultdict[str, deque[int]] = defaultdict(
            lambda: deque(maxlen=_MOST_WAITING)
        )
        self._events: Any = None
        try:
            events = nvml.nvmlEventSetCreate()
        except nvml.NVMLError:
            return
        if sum(self._listens(handle, events) for handle in handles.values()):
            self._events = events
        else:
            self._free(events)

    def hear(self) -> None:
        """Take what came since the last call, without waiting."""
        for _ in range(_MOST_AT_ONCE if self._events is not None else 0):
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._events, 0)
            except self._nvml.NVMLError:
                return  # mostly a time-out: there is no more
            uuid = self._named.get(_address(event.device))
            if uuid is not None and event.eventType == self._nvml.nvmlEventTypeXidCriticalError:
                self._waiting[uuid].append(int(event.eventData))

    def next_of(self, uuid: str) -> int | None:
        """Return the oldest error of a device that was not asked for yet; None if there is none."""
        waiting = self._waiting.get(uuid)
        return waiting.popleft() if waiting else None

    def close(self) -> None:
        """Listen no more."""
        if self._events is not None:
            self._free(self._events)
        self._events = None

    def _listens(self, handle: Any, events: Any) -> bool:
        nvml = self._nvml
        xid = nvml.nvmlEventTypeXidCriticalError
        try:
            if not nvml.nvmlDeviceGetSupportedEventTypes(handle) & xid:
                return False
            nvml.nvmlDeviceRegisterEvents(handle, xid, events)
        except nvml.NVMLError:
            return False
        return True

    def _free(self, events: Any) -> None:
        try:
            self._nvml.nvmlEventSetFree(events)
        except self._nvml.NVMLError:
            return


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
