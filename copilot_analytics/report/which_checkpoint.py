"""Which checkpoint is named to a reader: one that is on disk, where that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from copilot_analytics.report.checkpoint_files import usable_first

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.stopping import CheckpointChoice
    from copilot_analytics.findings import Finding

Look: TypeAlias = Callable[["Analysis", Iterable[str]], dict[str, bool]]
"""Tells which checkpoints are there and which are gone, see
:func:`copilot_analytics.report.checkpoint_files.on_disk`."""

_MOST_TRIED = 5  # newest checkpoints, of which one may have been broken off


def to_use(analysis: Analysis, look: Look | None) -> tuple[list[CheckpointChoice], dict[str, bool]]:
    """Return the checkpoints to use, those that are gone last, and which are known to be there.

    Parameters
    ----------
    analysis
        The answers for a run.
    look
        Looks at the disk; None where nobody does, as when a past is replayed.
    """
    choices = analysis.stop.checkpoints
    there = _seen(analysis, look, [choice.path for choice in choices if choice.path])
    return usable_first(choices, there), there


def newest(analysis: Analysis, look: Look | None) -> str:
    """Name the newest checkpoint that is not known to be gone."""
    saved = analysis.run.checkpoints[-_MOST_TRIED:]
    paths = [str(one.facts["path"]) for one in reversed(saved) if one.facts.get("path")]
    there = _seen(analysis, look, paths)
    kept = [path for path in paths if there.get(path) is not False]
    return kept[0] if kept and saved[-1].facts.get("path") else "the last checkpoint"


def recommendation(analysis: Analysis, finding: Finding, look: Look | None) -> str:
    """Return what a finding recommends, with a checkpoint that is not known to be gone.

    A diagnosis reads the log alone, and names the newest checkpoint that was still good.
    """
    ways, text = finding.ways_back, finding.recommendation
    there = _seen(analysis, look, [way.path for way in ways])
    kept = [way for way in ways if there.get(way.path) is not False]
    if not ways or kept[:1] == [ways[0]]:
        return text
    gone = f"a checkpoint from before it ({ways[0].path} is gone from the disk)"
    return text.replace(ways[0].said, kept[0].said if kept else gone, 1)


def _seen(analysis: Analysis, look: Look | None, names: list[str]) -> dict[str, bool]:
    return look(analysis, names) if look is not None and names else {}
