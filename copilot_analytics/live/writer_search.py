"""Which process writes a log that is followed, looked for at once and then rarely."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from copilot_analytics.live.processes import ProcessState, Writers, process_of
from copilot_analytics.process_identity import cpu_s_of

if TYPE_CHECKING:
    from pathlib import Path

_SEARCH_S = (60.0, 600.0)
_WORK_S = 5.0  # over a shorter time the use of a core says little


class WriterSearch:
    """Knows the process of a training, as far as it can be found.

    Parameters
    ----------
    pid
        The process, if the user names it.
    writers
        Who holds which log open, shared by those who follow many; None looks for one log alone.

    Attributes
    ----------
    state : ProcessState
        What is known of it.
    is_named : bool
        Whether it is the one that the user named.
    was_held : bool
        Whether the log was ever found open.

    Examples
    --------
    >>> search = WriterSearch()
    >>> search.look("no/such.log", 0.0)
    >>> search.state.state, search.was_held
    ('unknown', False)
    """

    def __init__(self, pid: int | None = None, writers: Writers | None = None) -> None:
        self.state = ProcessState()
        self.was_held = False
        self._pid, self._writers = pid, writers
        self._search_at, self._wait_s = float("-inf"), _SEARCH_S[0]
        self._used: tuple[int, float, float] | None = None  # process, when, CPU seconds by then

    @property
    def is_named(self) -> bool:
        """Whether the process is the one that the user named."""
        return self._pid is not None

    def look(self, place: str | Path, now: float) -> None:
        """Find out how the process of a log is; one that is unknown is looked for ever more rarely.

        Parameters
        ----------
        place
            The log.
        now
            Seconds since 1970.
        """
        if self.state.pid is None and now < self._search_at:
            return
        cpu_pct = self.state.cpu_pct
        self.state = process_of(place, self._pid, before=self.state, writers=self._writers)
        self._note_work(cpu_pct, now)
        self.was_held |= bool(self.state.holders)
        if self.state.pid is None:
            self._search_at = now + self._wait_s
            self._wait_s = min(2.0 * self._wait_s, _SEARCH_S[1])

    def _note_work(self, cpu_pct: float | None, now: float) -> None:
        pid = self.state.pid
        used_s = cpu_s_of(pid) if pid is not None else None
        if pid is None or used_s is None:
            self._used = None
            return
        if self._used is None or self._used[0] != pid:
            self._used, cpu_pct = (pid, now, used_s), None
        elif now - self._used[1] >= _WORK_S:
            _, before, before_s = self._used
            cpu_pct = 100.0 * (used_s - before_s) / (now - before)
            self._used = (pid, now, used_s)
        self.state = replace(self.state, cpu_pct=cpu_pct)

    def look_anew(self, place: str | Path, *, has_moved: bool) -> None:
        """Find out who writes the file that is read now: after a resume that is another process.

        Parameters
        ----------
        place
            The file.
        has_moved
            Whether it is at another place than the one before.
        """
        found = process_of(place, writers=self._writers, fresh_s=0.0)
        if self.state.pid is not None:
            named = self._pid if self._pid is not None else self.state.pid
            before = process_of(place, named, before=self.state)
            lives = before.state in {"alive", "stopped"}
            # A logger that holds nothing open rotates its own file.
            if lives and (self._pid is not None or (found.pid is None and not has_moved)):
                found = before
            else:
                self._pid = None
        self.state = found
        self._search_at, self._wait_s = float("-inf"), _SEARCH_S[0]
