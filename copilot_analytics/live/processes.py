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
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

from copilot_analytics.process_identity import stat_of
from copilot_analytics.wording import IS_ALIVE, NOBODY_WRITES

Life: TypeAlias = Literal["alive", "gone", "zombie", "stopped", "unknown"]

_PROC = Path("/proc")
_BUDGET_S = 0.25
_SHELLS = frozenset("sh bash dash zsh fish ksh tee nohup script screen".split())


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
    cpu_pct
        Per cent of a core that it used lately; None if unknown.
    """

    state: Life = "unknown"
    pid: int | None = None
    name: str = ""
    started: float | None = None
    holders: tuple[int, ...] = ()
    reason: str = ""
    start_ticks: int | None = None
    cpu_pct: float | None = None


def process_of(
    path: str | os.PathLike[str],
    pid: int | None = None,
    *,
    before: ProcessState | None = None,
    writers: Writers | None = None,
    fresh_s: float | None = None,
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
    writers
        Shared by all who ask for many logs, so that one search serves them; None searches anew.
    fresh_s
        How old such a search may be, for a log that began just now; None leaves it to `writers`.

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
    fresh = writers is None or known is not None
    found = _search(path, Writers() if fresh or writers is None else writers, fresh_s)
    if found.state != "unknown":
        return found
    return _as_gone(known) or found


def _as_gone(known: ProcessState | None) -> ProcessState | None:
    """Return the state of a process that was known and is no more; None without one."""
    if known is None:
        return None
    return replace(known, state="gone", holders=(), reason=f"process {known.pid} has ended")


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
    return "alive", f"process {pid}{IS_ALIVE}"


def _start_time(ticks: int) -> float | None:
    try:
        lines = (_PROC / "stat").read_text("ascii", "replace").splitlines()
        booted = next(float(line.split()[1]) for line in lines if line.startswith("btime"))
        return booted + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, StopIteration):
        return None


class Writers:
    """Who holds which file open, looked up for all files at once and kept for a while.

    A search reads the descriptors of all processes that may be looked at, which takes as long for
    one log as for hundreds.

    Parameters
    ----------
    budget_s
        Time that a search may take.
    fresh_s
        So long what was found is taken for true. A process that opens a log later is found later.
    clock
        Seconds that never run backwards.

    Examples
    --------
    >>> Writers().of("no/such.log")
    ((), 'the log is not there')
    """

    def __init__(
        self,
        budget_s: float = _BUDGET_S,
        *,
        fresh_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget_s, self._fresh_s, self._clock = budget_s, fresh_s, clock
        self._open: dict[tuple[int, int], list[tuple[int, str]]] = {}
        self._searched_at = float("-inf")
        self._hidden = False
        self._whole = True

    def of(
        self, path: str | os.PathLike[str], fresh_s: float | None = None
    ) -> tuple[tuple[int, ...], str]:
        """Return the processes that hold a file open for writing, or why none is known.

        Parameters
        ----------
        path
            The file.
        fresh_s
            How old a search may be here; None takes what all others take.
        """
        try:
            target = os.stat(path)  # noqa: PTH116  # any kind of path
        except OSError:
            return (), "the log is not there"
        if self._clock() - self._searched_at > (self._fresh_s if fresh_s is None else fresh_s):
            self._search()
            self._searched_at = self._clock()
        held = self._open.get((target.st_dev, target.st_ino), ())
        holders = sorted({number for number, entry in held if _writes(number, entry, target)})
        if holders:
            return tuple(holders), ""
        if not self._whole:
            return (), "there are too many processes to look through in time"
        others = ", or one that may not be looked at" if self._hidden else ""
        return (), NOBODY_WRITES + others

    def _search(self) -> None:
        """Note the open files of the processes that may be looked at, the youngest first."""
        until = time.monotonic() + self._budget_s
        user, own = os.geteuid(), os.getpid()
        self._open.clear()
        self._hidden, self._whole = False, True
        numbers = sorted((int(name) for name in os.listdir(_PROC) if name.isdigit()), reverse=True)  # noqa: PTH208  # 4 times as fast
        for number in numbers:
            if number == own:
                continue
            if time.monotonic() > until:
                self._whole = False
                return
            try:
                if user != 0 and os.stat(f"/proc/{number}").st_uid != user:  # noqa: PTH116  # fast
                    self._hidden = True
                else:
                    self._note(number)
            except PermissionError:
                self._hidden = True
            except OSError:
                continue

    def _note(self, number: int) -> None:
        folder = f"/proc/{number}/fd"
        for entry in os.listdir(folder):  # noqa: PTH208  # fast
            try:
                there = os.stat(f"{folder}/{entry}")  # noqa: PTH116  # fast
            except OSError:
                continue
            if stat.S_ISREG(there.st_mode):
                key = there.st_dev, there.st_ino
                self._open.setdefault(key, []).append((number, entry))


def _search(path: str | os.PathLike[str], writers: Writers, fresh_s: float | None) -> ProcessState:
    holders, why = writers.of(path, fresh_s)
    if not holders:
        return ProcessState(reason=why)
    states = [_ask(ProcessState(pid=number)) for number in holders]
    living = [one for one in states if one.state in {"alive", "stopped"}]
    if not living:
        return ProcessState(reason=NOBODY_WRITES)
    best = min(living, key=lambda one: (one.name in _SHELLS, one.start_ticks or 0, one.pid or 0))
    return replace(best, holders=holders)


def _writes(number: int, entry: str, target: os.stat_result) -> bool:
    """Tell whether a descriptor of a process is still a file's, and open for writing."""
    try:
        there = os.stat(f"/proc/{number}/fd/{entry}")  # noqa: PTH116  # fast
        info = Path(f"/proc/{number}/fdinfo/{entry}").read_text("ascii", "replace")
        flags = next(line for line in info.splitlines() if line.startswith("flags:"))
        writing = int(flags.split()[1], 8) & os.O_ACCMODE != 0
    except (OSError, ValueError, StopIteration):
        return False
    return writing and os.path.samestat(there, target)
