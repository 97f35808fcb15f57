"""Which checkpoints that a log names are on disk now, as far as this machine can tell."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from copilot_analytics.events import ENDED

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from copilot_analytics.analysis import Analysis
    from copilot_analytics.analyzers.stopping import CheckpointChoice

_NUMBER = re.compile(r"\d+")
_ROOTED = re.compile(r"(?:[A-Za-z]:)?/(?!/)")
# A log from elsewhere must not make this machine call on a server, as ``//server/share`` would.
_REMOTE = re.compile(r"//|[\w.+-]{2,}://")
# A run that keeps only some checkpoints keeps the newest; a stat each, on disks that may be slow.
_MOST_ALIKE = 20
# MMEngine logs two folders below its checkpoints, in ``work_dir/time stamp/vis_data``.
_NEAR_PARENTS, _FAR_PARENTS = 3, 8
_MOST_LISTED = 10_000


def on_disk(analysis: Analysis, names: Iterable[str]) -> dict[str, bool]:
    """Tell which checkpoints are there and which are gone; nothing is said of the others.

    They are looked for where the log names them: from the root, from the run's own directory, and
    from the directory of the log and those above it, where file names alone are also tried. One
    that is not found is gone if another one of the same run is found whose name differs in numbers
    only; or, for the best one, which logs name in full, any in the same folder with the same
    ending; or if it is named from the root, in a folder in which the log lies. Else the checkpoints
    may be on another machine, or the log may name them otherwise. The newest one of a run that goes
    on may be written just now, and is never called gone.

    Parameters
    ----------
    analysis
        The answers for a run, with the log that it was read from.
    names
        Checkpoints as the log names them.

    Returns
    -------
    dict of str to bool
        Whether each is there; a name of which that is unknown is left out.
    """
    run = analysis.run
    disk = _Disk(run.path, run.meta.work_dir)
    said = [str(saved.facts["path"]) for saved in run.checkpoints if saved.facts.get("path")]
    newest = said[-1] if said and analysis.life.status not in ENDED else None
    found = {name: disk.holds(name) for name in names}
    missing = [name for name, is_there in found.items() if is_there is False]
    there = [name for name, is_there in found.items() if is_there]
    kept = {like for name in there for like in (_shape(name), _place(name))}
    for like in {like for name in missing for like in _likes(name)} - kept:
        others = (one for one in reversed(said) if one not in found)
        alike = (one for one in others if like in {_shape(one), _place(one)})
        if any(disk.holds(one) for one in islice(dict.fromkeys(alike), _MOST_ALIKE)):
            kept.add(like)
    told = dict.fromkeys(there, True)
    for name in missing:
        if name != newest and (not kept.isdisjoint(_likes(name)) or disk.is_home(name)):
            told[name] = False
    return told


def usable_first(
    choices: Iterable[CheckpointChoice],
    there: Mapping[str, bool],
    missing: Container[int] = (),
) -> list[CheckpointChoice]:
    """Return the checkpoints to use, those that are gone after the others.

    Parameters
    ----------
    choices
        The checkpoints to use, the best first.
    there
        Which of those that have names are on disk, and which are gone.
    missing
        Steps of those without a name that are not on disk.

    Examples
    --------
    >>> from copilot_analytics.analyzers.stopping import CheckpointChoice
    >>> best = CheckpointChoice(10, 1.0, 0.5, "epoch_1.pth", True)
    >>> tie = CheckpointChoice(20, 2.0, 0.4, "epoch_2.pth", False)
    >>> [one.path for one in usable_first((best, tie), {"epoch_1.pth": False})]
    ['epoch_2.pth', 'epoch_1.pth']
    """
    return sorted(
        choices,
        key=lambda one: one.step in missing if one.path is None else there.get(one.path) is False,
    )


class _Disk:
    """Where checkpoints of a run may lie."""

    def __init__(self, log: str, work_dir: str | None) -> None:
        starts = [os.path.abspath(log), os.path.realpath(log)] if log else []  # noqa: PTH100  # links stay
        above = [list(islice(Path(start).parents, _FAR_PARENTS)) for start in starts]
        self._far = [folder for folders in above for folder in folders]
        own = _as_here(work_dir or "")
        in_own = [] if not own or _REMOTE.match(own) else [folder / own for folder in self._far]
        self._near = [
            *in_own,
            *(folder for folders in above for folder in folders[:_NEAR_PARENTS]),
        ]
        self._listed: dict[Path, frozenset[str]] = {}

    def holds(self, name: str) -> bool | None:
        """Look for a checkpoint; None if a folder cannot be looked into, or is on a server."""
        name = _as_here(name)
        is_unknown = _REMOTE.match(name) is not None
        for path in dict.fromkeys(self._places(name)):
            try:
                path.stat()
            except (FileNotFoundError, NotADirectoryError):
                if self._holds_parts(path):
                    return True
            except (OSError, ValueError):
                is_unknown = True
            else:
                return True
        return None if is_unknown else False

    def is_home(self, name: str) -> bool:
        """Tell whether a checkpoint is named from the root, in a folder in which the log lies."""
        name = _as_here(name)
        return bool(_ROOTED.match(name)) and Path(name).parent in self._far

    def _places(self, name: str) -> Iterator[Path]:
        bare = PurePosixPath(name).name
        if _ROOTED.match(name):
            yield Path(name)
        elif bare != name and not _REMOTE.match(name):
            yield from (folder / name for folder in (*self._near, *self._far))
        if bare:
            yield from (folder / bare for folder in self._near)

    def _holds_parts(self, path: Path) -> bool:
        """Tell whether files are there of which a checkpoint's name is the beginning.

        TensorFlow writes ``model.ckpt-200.index`` for ``model.ckpt``, Paddle ``0.pdparams`` for
        ``0``.
        """
        folder, name = path.parent, path.name
        if folder not in self._listed:
            found: frozenset[str] = frozenset()
            with suppress(OSError), os.scandir(folder) as entries:
                found = frozenset(entry.name for entry in islice(entries, _MOST_LISTED))
            self._listed[folder] = found
        size = len(name)
        return any(
            one.startswith(name) and len(one) > size and not one[size].isalnum()
            for one in self._listed[folder]
        )


def _as_here(name: str) -> str:
    return name.replace("\\", "/")


def _shape(name: str) -> str:
    return _NUMBER.sub("#", _as_here(name))


def _place(name: str) -> str:
    path = PurePosixPath(_as_here(name))
    return f"{path.parent}/*{path.suffix}"


def _likes(name: str) -> tuple[str, ...]:
    """Return what others have in common with a checkpoint if they are kept where it would be."""
    is_best = "best" in PurePosixPath(_as_here(name)).name.lower()
    return (_shape(name), _place(name)) if is_best else (_shape(name),)
