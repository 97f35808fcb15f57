"""Which checkpoint is named to a reader: one that is on disk, where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from copilot_analytics.findings import LAST, UNNAMED
from copilot_analytics.report.checkpoint_files import on_disk, usable_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.stopping import CheckpointChoice
    from copilot_analytics.findings import Finding
    from copilot_analytics.report.checkpoint_folders import CheckpointFolder

_MOST_TRIED = 5  # newest checkpoints, of which one may have been broken off
_MOST_RANKED = 200  # a few looks at the disk each


def _below_the_log(analysis: Analysis) -> CheckpointFolder:
    from copilot_analytics.report.checkpoint_folders import checkpoint_folder

    return checkpoint_folder(analysis)


@dataclass(frozen=True, slots=True)
class Look:
    """How the disk is looked at.

    Parameters
    ----------
    on_disk
        Tells which of the checkpoints that a log names are there, and which are gone.
    folder
        Finds those of a log that names none.
    """

    on_disk: Callable[[Analysis, Iterable[str]], dict[str, bool]] = on_disk
    folder: Callable[[Analysis], CheckpointFolder] = _below_the_log

    def once(self) -> Look:
        """Return a look that asks the disk each question once, for what is said at one moment."""
        known: dict[Any, tuple[Analysis, Any]] = {}  # no other analysis gets the id of a kept one

        def ask(question: Callable[..., Any], analysis: Analysis, *names: tuple[str, ...]) -> Any:
            key = (question, id(analysis), *names)
            if key not in known:
                known[key] = analysis, question(analysis, *names)
            return known[key][1]

        return Look(
            lambda analysis, names: ask(self.on_disk, analysis, tuple(names)),
            lambda analysis: ask(self.folder, analysis),
        )


DISK = Look()


class Usable(NamedTuple):
    """The checkpoints to use, and what the disk holds of them.

    Parameters
    ----------
    choices
        Those that are gone last.
    there
        Which of those that have names are there, and which are gone; others are not known of.
    folder
        What is known of those that the log does not name.
    instead
        Where all of them are gone, the best that is on disk; None if none is known to be.
    """

    choices: list[CheckpointChoice]
    there: dict[str, bool]
    folder: CheckpointFolder
    instead: CheckpointChoice | None = None

    def on_disk(self, choice: CheckpointChoice) -> bool | None:
        """Tell whether a checkpoint is on disk; None where nobody knows."""
        if choice.path is None:
            return False if choice.step in self.folder.missing else None
        return self.there.get(choice.path)


def to_use(analysis: Analysis, look: Look | None) -> Usable:
    """Return the checkpoints to use, and which are known to be there.

    Parameters
    ----------
    analysis
        The answers for a run.
    look
        Looks at the disk; None where nobody does, as when a past is replayed.
    """
    folder = _folder(analysis, look)
    choices = folder.named(analysis.stop.checkpoints)
    there = _seen(analysis, look, [choice.path for choice in choices if choice.path])
    known = Usable(usable_first(choices, there, folder.missing), there, folder)
    if not choices or any(known.on_disk(choice) is not False for choice in choices):
        return known
    return known._replace(instead=folder.best or _best_there(analysis, look))


def newest(analysis: Analysis, look: Look | None) -> str:
    """Name the newest checkpoint that is not known to be gone."""
    saved = analysis.run.checkpoints[-_MOST_TRIED:]
    paths = [str(one.facts["path"]) for one in reversed(saved) if one.facts.get("path")]
    there = _seen(analysis, look, paths)
    kept = [path for path in paths if there.get(path) is not False]
    if not paths and (found := _folder(analysis, look).newest):
        return found
    return kept[0] if kept and saved[-1].facts.get("path") else LAST


def recommendation(analysis: Analysis, finding: Finding, look: Look | None) -> str:
    """Return what a finding recommends, with a checkpoint that is not known to be gone.

    A diagnosis reads the log alone: it names the newest checkpoint that was still good, or speaks
    of the last one, which may be found on disk.
    """
    ways, text = finding.ways_back, finding.recommendation
    if LAST in text and (name := newest(analysis, look)) != LAST:
        text = text.replace(f"{LAST} {UNNAMED}", name).replace(LAST, name)
    there = _seen(analysis, look, [way.path for way in ways])
    kept = [way for way in ways if there.get(way.path) is not False]
    if not ways or kept[:1] == [ways[0]]:
        return text
    gone = f"a checkpoint from before it ({ways[0].path} is gone from the disk)"
    return text.replace(ways[0].said, kept[0].said if kept else gone, 1)


def _best_there(analysis: Analysis, look: Look | None) -> CheckpointChoice | None:
    """Return the best checkpoint on disk of those that the log names, by their evaluations."""
    from copilot_analytics.analyzers._keepers import Saved, ranked
    from copilot_analytics.analyzers._plan import eval_spacing
    from copilot_analytics.analyzers.stopping import CheckpointChoice

    run, saved = analysis.run, Saved()
    saved.follow(run)
    spacing = eval_spacing(run)
    named = (
        CheckpointChoice(tie.step, tie.epoch, tie.value, path, best=False)
        for tie in ranked(run, analysis.metric, analysis.good_until)
        for path in saved.all_at(tie, spacing)
    )
    first = list(islice(named, _MOST_RANKED))
    there = _seen(analysis, look, [one.path for one in first if one.path])
    return next((one for one in first if there.get(str(one.path))), None)


def _seen(analysis: Analysis, look: Look | None, names: list[str]) -> dict[str, bool]:
    return look.on_disk(analysis, names) if look is not None and names else {}


def _folder(analysis: Analysis, look: Look | None) -> CheckpointFolder:
    from copilot_analytics.report.checkpoint_folders import NO_FOLDER

    return look.folder(analysis) if look is not None else NO_FOLDER
