"""A log that seems to go on from the one that is followed, and has not trained yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.liveness import judge_silence, judge_start
from copilot_analytics.live.processes import process_of

if TYPE_CHECKING:
    from copilot_analytics.live.follow_directory import RunDirectory
    from copilot_analytics.live.processes import Writers


class NextStart:
    """The newest log beside a followed one of which it is open whether it is a resume.

    Parameters
    ----------
    source
        What is followed.
    writers
        Who holds which log open, see :class:`copilot_analytics.live.following.Following`.

    Examples
    --------
    >>> NextStart("train.log", None).name
    ''
    """

    def __init__(self, source: str | ResumedLogs | RunDirectory, writers: Writers | None) -> None:
        self._source, self._writers = source, writers
        self._told = ""

    @property
    def path(self) -> Path | None:
        """Where it is; None if there is none."""
        undecided = self._source.undecided if isinstance(self._source, ResumedLogs) else ()
        return Path(undecided[-1]) if undecided else None

    @property
    def name(self) -> str:
        """What it is called; empty if there is none."""
        path = self.path
        if path is None or not isinstance(self._source, ResumedLogs):
            return ""
        return self._source.name_of(path)

    def may_load(
        self, followed: str | Path, now: float, *, was_held: bool, network: bool = False
    ) -> bool:
        """Tell whether it excuses the silence of the log before it, and say so once.

        Parameters
        ----------
        followed
            The log before it.
        now
            Seconds since 1970.
        was_held, network
            As in :func:`copilot_analytics.live.liveness.judge_start`.

        Returns
        -------
        bool
            False once it seems to have died before its first step or to hang, and for one that was
            written last before the other one was.
        """
        later = self.path
        try:
            if later is None or later.stat().st_mtime < Path(followed).stat().st_mtime:
                return False
            age_s = max(now - later.stat().st_mtime, 0.0)
        except OSError:
            return False
        process = process_of(later, writers=self._writers)
        died = judge_start(age_s, process, later, was_held=was_held, network=network)
        told = f"it seems to be resumed in {self.name}, which has no step yet"
        told = told if died is None else died.reason
        if told != self._told and isinstance(self._source, ResumedLogs):
            self._told = told
            self._source.notices.append(told)
        silence = judge_silence(age_s, {}, process, None, None, network=network)
        return died is None and silence.verdict != "stalled"
