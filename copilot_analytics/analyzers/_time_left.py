"""The time left of a run, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from copilot_analytics.wording import interval

if TYPE_CHECKING:
    from copilot_analytics.findings import NotJudged


@dataclass(frozen=True, slots=True)
class Eta:
    """The time left.

    Parameters
    ----------
    remaining_s, low_s, high_s
        Median and bounds of the prediction interval; None if it cannot be told.
    level
        Probability of the interval.
    planned_steps
        The end it runs to; None where only the log's own estimate tells that it ends.
    step_s
        Seconds of one step at the present rate, evaluations and checkpoints left out; known where
        the end is not, too.
    eval_s, checkpoint_s
        Measured duration of one evaluation and of one checkpoint, None if not seen.
    evals_left
        Evaluations still to come, None if unknown.
    source
        ``time stamps``, with evaluations and checkpoints counted in where they fell into every
        interval; without them ``printed iteration time``, or when a live watch saw lines come.
    log_eta_s
        What the log itself last printed, None if nothing.
    drift
        Rate of the newest fifth of the run over that of the first, above 1 when slower.
    evals_left_out
        Whether evaluations are or may be to come of which none was measured: they are not counted
        in.
    next_line_s
        How much of it should pass until the next line, with an evaluation that is due.
    """

    remaining_s: float | None = None
    low_s: float | None = None
    high_s: float | None = None
    level: float = 0.8
    planned_steps: int | None = None
    step_s: float | None = None
    eval_s: float | None = None
    checkpoint_s: float | None = None
    evals_left: int | None = None
    source: str = ""
    log_eta_s: float | None = None
    drift: float | None = None
    not_judged: tuple[NotJudged, ...] = ()
    evals_left_out: bool = False
    next_line_s: float = 0.0

    @property
    def bounds(self) -> str:
        """Its interval for a reader, and what is not counted in; empty if there is nothing to say.

        Examples
        --------
        >>> Eta(2400.0, 2280.0, 2580.0).bounds
        '80 %: 38 min – 43 min'
        >>> Eta(2400.0, 2280.0, 2580.0, evals_left_out=True).bounds
        '80 %: 38 min – 43 min; without evaluation, none was timed yet'
        """
        lacks = "without evaluation, none was timed yet" if self.evals_left_out else ""
        parts = (interval(self.low_s, self.high_s, self.level), lacks)
        return "; ".join(part for part in parts if part)

    def after(self, silence_s: float) -> Eta:
        """Return what is left some time after the last line: no less than what follows the next.

        Examples
        --------
        >>> eta = Eta(600.0, 500.0, 700.0, next_line_s=180.0)
        >>> [eta.after(silence_s).remaining_s for silence_s in (0.0, 60.0, 1000.0)]
        [600.0, 540.0, 420.0]
        """
        if self.remaining_s is None:
            return self
        gone_s = min(max(silence_s, 0.0), self.next_line_s)
        ends = (self.remaining_s, self.low_s, self.high_s)
        left, low, high = (None if end is None else max(end - gone_s, 0.0) for end in ends)
        return replace(self, remaining_s=left, low_s=low, high_s=high, next_line_s=0.0)
