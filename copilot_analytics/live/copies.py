"""Logs that are one run told twice: what `tee` or a shell wrote beside the trainer's own log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from copilot_analytics.errors import LogError
from copilot_analytics.live.follow_directory import is_stamped
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import Block

if TYPE_CHECKING:
    from collections.abc import Mapping

Beginning: TypeAlias = tuple[tuple[object, ...], ...]

_ROWS = 2
_CHUNK = 1 << 16
_MOST_BYTES = 2 << 20
_CHECKPOINTS = ("*.pth", "*.pt", "*.ckpt", "*.safetensors", "last_checkpoint")


def copies_among(paths: Mapping[str, bool]) -> dict[str, str]:
    """Tell which logs tell the same run as another one.

    They do if their first training lines agree in step, time stamp and values. Logs without
    time stamps are never taken for copies: two runs of one seed print the same.

    Parameters
    ----------
    paths
        Logs, and whether something is seen to write to them; the preferred first where nothing
        else decides.

    Returns
    -------
    dict
        The log to keep for each copy: one that is written to, of these the one with a time-stamped
        name, as trainers give it, else the one with checkpoints beside it.
    """
    alike: dict[Beginning, list[str]] = {}
    for path in paths:
        beginning = _beginning(path)
        if beginning is not None:
            alike.setdefault(beginning, []).append(path)
    found = {}
    for group in alike.values():
        kept = max(group, key=lambda path: (paths[path], *_standing(path)))
        found.update({path: kept for path in group if path != kept})
    return found


def _beginning(path: str) -> Beginning | None:
    """Return what the first training lines say; None if there are too few, or no time stamps."""
    reader, rows, left = LogReader(path), [], _MOST_BYTES
    try:
        for chunk in read_chunks(path, _CHUNK):
            for item in reader.feed(chunk):
                if isinstance(item, Block):
                    records = list(item[:_ROWS].records())
                else:
                    records = [item] if item.kind == "train" else []
                for record in records:
                    if record.time is None:
                        return None
                    rows.append((record.step, record.time, *sorted(record.metrics.items())))
            left -= len(chunk)
            if len(rows) >= _ROWS or left <= 0:
                break
    except LogError:
        return None
    return tuple(rows[:_ROWS]) if len(rows) >= _ROWS else None


def _standing(path: str) -> tuple[bool, bool]:
    log = Path(path)
    places = [log.parent]
    if log.stem.startswith(log.parent.name):
        places.append(log.parent.parent)  # MMEngine keeps them above the folder of the log
    try:
        kept = any(next(place.glob(one), None) for place in places for one in _CHECKPOINTS)
    except OSError:
        kept = False
    return is_stamped(log.name), kept
