"""Finds the process that writes a log, and tells whether it lives.

On Linux by ``/proc``; elsewhere only a given process can be asked for. A process is known by its
number and its start, since numbers are used again.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from copilot_analytics.process_identity import stat_of

Life: TypeAlias = Literal["alive", "gone", "zombie", "stopped", "unknown"]

_PROC = Path("/proc")
_BUDGET_S = 0.25
_SHELLS = frozenset("sh bash dash zsh fish ksh tee nohup script screen".split())
_NETWORK = tuple("nfs cifs smb fuse lustre ceph gpfs beegfs 9p afs gluster".split())


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process, as far as it is known.

    Parameters
    ----------
    state
        ``unknown`` if no process was found, or none may be asked for.
    pid, name
        Its number and name; None and empty if unknown.
    started
        When it began, seconds since 1970; None if unknown.
    holders
        All processes that hold the log open for writing, as a loader's workers do.
    reason
        How that is known, in half a sentence.
    start_ticks
        Its start in the kernel's own count, which tells processes of one number apart.
    """

    state: Life = "unknown"
    pid: int | None = None
    name: str = ""
    started: float | None = None
    holders: tuple[int, ...] = ()
    reason: str = ""
    start_ticks: int | None = None


def process_of(
    path: str | os.PathLike[str],
    pid: int | None = None,
    *,
    before: ProcessState | None = None,
    budget_s: float = _BUDGET_S,
) -> ProcessState:
    """Tell which process writes a log, and whether it lives.

    Parameters
    ----------
    path
        The log.
    pid
        The process, where the user names it; otherwise it is the one that holds the log open for
        writing. Of several, shells and ``tee`` count last and then the oldest counts.
    before
        The last answer. Its process is asked first, so that only a process that ended, or that
        was never found, leads to a search.
    budget_s
        Time that a search may take.

    Returns
    -------
    ProcessState
        ``gone`` only for a process that was named or found before. Loggers that open the log
        anew for each line hold nothing, so that none is found proves nothing.

    Examples
    --------
    >>> process_of("train.log", os.getpid()).state
    'alive'
    """
    known = before if before is not None and before.pid is not None else None
    if pid is not None:
        same = known if known is not None and known.pid == pid else ProcessState(pid=pid)
        return _ask(same)
    if known is not None:
        now = _ask(known)
        if now.state != "gone":
            return now
    if not (_PROC / "self" / "fd").is_dir():
        return _as_gone(known) or ProcessState(reason="this system does not tell who writes")
    found = _search(path, budget_s)
    if found.state != "unknown":
        return found
    return _as_gone(known) or found


def _as_gone(known: ProcessState | None) -> ProcessState | None:
    """Return the state of a process that was known and is no more; None without one."""
    if known is None:
        return None
    return replace(known, state="gone", holders=(), reason=f"process {known.pid} has ended")


def on_network(path: str | os.PathLike[str], mounts: str | None = None) -> bool:
    r"""Tell whether a file lies on a network or FUSE file system, as far as the system tells.

    Parameters
    ----------
    path
        The file.
    mounts
        Text in the manner of ``/proc/mounts``; None reads that.

    Examples
    --------
    >>> mounts = "server:/home /home nfs4 rw 0 0\\n/dev/sda1 / ext4 rw 0 0\\n"
    >>> on_network("/home/me/train.log", mounts), on_network("/tmp/train.log", mounts)
    (True, False)
    """
    if mounts is None:
        try:
            mounts = (_PROC / "mounts").read_text("utf-8", "replace")
        except OSError:
            return False
    whole = Path(os.path.realpath(path))
    best, kind = -1, ""
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = parts[1].replace("\\040", " ")
        if whole.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), parts[2]
    return kind.startswith(_NETWORK)


def _ask(known: ProcessState) -> ProcessState:
    """Tell whether a process still lives."""
    pid = known.pid
    if pid is None or pid <= 0:
        return replace(known, state="unknown", reason="no process is known")
    try:
        letter, name, ticks = stat_of(pid)
    except FileNotFoundError:
        if (_PROC / "self" / "stat").exists():
            return replace(known, state="gone", reason=f"process {pid} has ended")
        return _ask_kernel(known, pid)
    except ProcessLookupError:
        return replace(known, state="gone", reason=f"process {pid} has ended")
    except (OSError, ValueError):
        return replace(known, state="unknown", reason=f"process {pid} may not be looked at")
    if known.start_ticks is not None and known.start_ticks != ticks:
        return replace(known, state="gone", reason=f"number {pid} belongs to another process now")
    started = known.started if known.start_ticks is not None else _start_time(ticks)
    state, reason = _in_words(letter, pid)
    return ProcessState(state, pid, name, started, known.holders, reason, ticks)


def _ask_kernel(known: ProcessState, pid: int) -> ProcessState:
    """Ask where there is no ``/proc``."""
    if os.name != "posix":  # elsewhere signal 0 is not harmless
        return replace(known, state="unknown", reason="this system does not tell")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return replace(known, state="gone", reason=f"process {pid} has ended")
    except PermissionError:
        pass
    return replace(known, state="alive", reason=f"process {pid} exists")


def _in_words(letter: str, pid: int) -> tuple[Life, str]:
    if letter in "Tt":
        return "stopped", f"process {pid} is stopped"
    if letter in "ZXx":
        return "zombie", f"process {pid} has ended, but its parent has not noticed"
    return "alive", f"process {pid} is alive"


def _start_time(ticks: int) -> float | None:
    try:
        lines = (_PROC / "stat").read_text("ascii", "replace").splitlines()
        booted = next(float(line.split()[1]) for line in lines if line.startswith("btime"))
        return booted + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, StopIteration):
        return None


def _search(path: str | os.PathLike[str], budget_s: float) -> ProcessState:
    """Look through the processes that may be looked at, the youngest first."""
    try:
        target = os.stat(path)  # noqa: PTH116  # any kind of path
    except OSError:
        return ProcessState(reason="the log is not there")
    until = time.monotonic() + budget_s
    user = os.geteuid()
    holders: list[int] = []
    hidden = 0
    numbers = sorted((int(name) for name in os.listdir(_PROC) if name.isdigit()), reverse=True)  # noqa: PTH208  # 4 times as fast
    for number in numbers:
        if number == os.getpid():
            continue
        if time.monotonic() > until:
            if holders:
                break
            return ProcessState(reason="there are too many processes to look through in time")
        try:
            if user != 0 and os.stat(f"/proc/{number}").st_uid != user:  # noqa: PTH116  # fast
                hidden += 1
            elif _writes(number, target):
                holders.append(number)
        except PermissionError:
            hidden += 1
        except (OSError, ValueError):
            continue
    if not holders:
        others = ", or one that may not be looked at" if hidden else ""
        return ProcessState(reason=f"no process holds the log open for writing{others}")
    states = [_ask(ProcessState(pid=number)) for number in holders]
    living = [one for one in states if one.state in {"alive", "stopped"}]
    if not living:
        return ProcessState(reason="no process holds the log open for writing")
    best = min(living, key=lambda one: (one.name in _SHELLS, one.start_ticks or 0, one.pid or 0))
    return replace(best, holders=tuple(sorted(holders)))


def _writes(number: int, target: os.stat_result) -> bool:
    """Tell whether a process holds a file open for writing."""
    folder = f"/proc/{number}/fd"
    for entry in os.listdir(folder):  # noqa: PTH208  # fast
        try:
            there = os.stat(f"{folder}/{entry}")  # noqa: PTH116  # fast
        except OSError:
            continue
        if not stat.S_ISREG(there.st_mode) or not os.path.samestat(there, target):
            continue
        info = Path(f"/proc/{number}/fdinfo/{entry}").read_text("ascii", "replace")
        flags = next(line for line in info.splitlines() if line.startswith("flags:"))
        if int(flags.split()[1], 8) & os.O_ACCMODE:
            return True
    return False
