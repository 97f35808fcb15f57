"""What is said of a log that is silent, before it is clear whether its run stalled or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.wording import NOBODY_WRITES, duration

if TYPE_CHECKING:
    from copilot_analytics.alerts.policy import Context
    from copilot_analytics.analysis import Analysis

_LONG_S = 180.0  # the least that can be a stall
_SETTLED_S = 15.0  # the last lines may come late


def is_silent(context: Context) -> bool:
    """Tell whether a log has said nothing for so long that its run may have stalled or ended.

    One that no process holds open is doubted earlier, after 5 of its usual pauses; that alone says
    nothing, since some loggers open it for each line.
    """
    silence_s = context.silence_s or 0.0
    if silence_s >= _LONG_S or context.analysis is None or context.process != NOBODY_WRITES:
        return silence_s >= _LONG_S
    from copilot_analytics.analyzers.lifecycle import PATIENCE, usual_pause_s

    return silence_s >= max(_SETTLED_S, PATIENCE * usual_pause_s(context.analysis().run))


def may_be_over(analysis: Analysis, context: Context) -> bool:
    """Tell whether a silence may as well be the end: of no known plan, and nobody writes on."""
    return analysis.run.progress is None and context.process.startswith(NOBODY_WRITES)


def unheard(context: Context) -> list[str]:
    """Say of a silent log that nobody seems to write it, if somebody looked."""
    if not context.process.startswith(NOBODY_WRITES):
        return []
    return [f"💡 Nobody seems to write on it ({context.process}): look whether it still trains."]


def if_it_goes_on(analysis: Analysis, context: Context) -> str:
    """Say what is left of a run whose log is silent: whether it still runs is not judged yet."""
    known = "" if context.process.startswith(NOBODY_WRITES) else context.process
    text = f"⏱ silent for {duration(context.silence_s)}" + (f" ({known})" if known else "")
    left_s = analysis.eta.remaining_s
    return text if not left_s else f"{text}; {duration(left_s)} would be left if it goes on"
