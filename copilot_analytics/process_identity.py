"""Names a process so that another one can tell for certain that it is no more.

A number alone does not do: numbers are used again, and a shared disk or a container shows files of
processes that cannot be seen from here. The name holds the start of the process, the boot of the
machine and the namespace in which the number counts, all from Linux's ``/proc``.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

PROC = Path("/proc")

_ENDED = frozenset("ZXx")  # zombies too: nothing of them runs any more


def name_of_this_process() -> str:
    """Return the name of this process; empty where the system does not tell enough.

    Examples
    --------
    >>> name = name_of_this_process()
    >>> is_gone(name)
    False
    """
    place = _place()
    try:
        ticks = stat_of(os.getpid())[2]
    except (OSError, ValueError, IndexError):
        return ""
    return f"{os.getpid()}/{ticks}/{place}" if place else ""


def is_gone(name: str | None) -> bool:
    """Tell whether a process has ended for certain.

    Parameters
    ----------
    name
        What `name_of_this_process` gave there; more text may follow after a further ``/``.

    Returns
    -------
    bool
        False if it lives, and wherever that cannot be told: for a process of another machine,
        boot or container, for any other text, and on systems without ``/proc``.

    Examples
    --------
    >>> is_gone("17/1234/another-boot/pid:[1]"), is_gone("no name"), is_gone(None)
    (False, False, False)
    """
    parts = (name or "").split("/")
    place = _place()
    if len(parts) < 4 or not place or "/".join(parts[2:4]) != place:
        return False
    if not (parts[0].isdecimal() and parts[1].isdecimal()) or int(parts[0]) <= 0:
        return False
    pid, ticks = int(parts[0]), int(parts[1])
    try:
        os.kill(pid, 0)  # /proc may hide a process that lives; the kernel does not
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # somebody else's
    try:
        letter, _, started = stat_of(pid)
    except (OSError, ValueError, IndexError):
        return False
    return started != ticks or letter in _ENDED


def stat_of(pid: int) -> tuple[str, str, int]:
    """Return state letter, name and start of a process, the start in the kernel's own count.

    Raises
    ------
    OSError
        If there is no such process, or it may not be looked at.
    ValueError, IndexError
        If the system writes something else than Linux does.

    Examples
    --------
    >>> letter, name, ticks = stat_of(os.getpid())
    >>> letter, ticks > 0
    ('R', True)
    """
    text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    # The name stands in parentheses and may hold anything, parentheses too.
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    return fields[0], head.partition("(")[2], int(fields[19])


def cpu_s_of(pid: int) -> float | None:
    """Return the CPU seconds that a process has used; None where that cannot be told.

    Examples
    --------
    >>> cpu_s_of(os.getpid()) >= 0.0, cpu_s_of(-1) is None
    (True, True)
    """
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


@cache
def _place() -> str:
    """Return boot and namespace in which process numbers count here; empty if unknown."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        space = os.readlink(PROC / "self/ns/pid")  # noqa: PTH115  # it is no path
    except (OSError, ValueError):
        return ""
    return f"{boot}/{space}" if boot and "/" not in boot + space else ""
