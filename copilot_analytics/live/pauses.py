"""The gaps between the lines of a log, as they were lived through where it has no time stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.live.liveness import gaps_of

if TYPE_CHECKING:
    from copilot_analytics.run import Run

_LONGEST_PAUSES = 5  # an evaluation may be silent once in thousands of frames of a bar


class Pauses:
    """The longest gaps of a log without time stamps that were lived through.

    Attributes
    ----------
    evals_before : int
        Evaluations that the log held before.
    held_back_s : float
        For how long the newest lines were held back, as `print` into a file does: it writes once
        8 kB are full. 0 for lines that come when their time stamps say.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> pauses = Pauses()
    >>> pauses.add(5.0)
    >>> pauses.add(60.0)
    >>> pauses.gaps(Run.from_records([Record("eval", step=1)]))["eval"]
    [5.0, 60.0]
    """

    def __init__(self) -> None:
        self.evals_before = 0
        self.held_back_s = 0.0
        self._longest: list[float] = []
        self._rows = 0

    def add(self, pause_s: float, run: Run | None = None) -> None:
        """Take the seconds from one arrival to the next, and the run with what has arrived."""
        self._longest = sorted((*self._longest, pause_s))[-_LONGEST_PAUSES:]
        if run is None:
            return
        time, before = run.train_log.time, self._rows
        self._rows = len(time)
        if 0 < before < len(time):
            stamped_s = float(time[before] - time[before - 1])
            if 0.0 <= stamped_s < pause_s / 2.0:
                self.held_back_s = pause_s
            elif pause_s / 2.0 <= stamped_s <= 2.0 * pause_s:
                self.held_back_s = 0.0

    def gaps(self, run: Run) -> dict[str, list[float]]:
        """Return the gaps of a run by phase, by its time stamps if it has any.

        Otherwise which was an evaluation is unknown, only whether any was.
        """
        if run.last_time is not None:
            return gaps_of(run)
        longest = self._longest
        seen = longest if len(run.eval_log) > self.evals_before else []
        return {"train": longest, "eval": seen, "after_eval": longest}
