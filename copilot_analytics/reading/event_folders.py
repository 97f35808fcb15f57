"""Folders that TensorBoard's writer opens below its own, for a part of what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot_analytics.reading.digests import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EVENTS = "events.out.tfevents."
"""What the names of its files begin with, before the second in which they were begun."""

_BEGUN = re.compile(rf"{re.escape(EVENTS)}(\d{{10}})(?!\d)")
_SESSION = re.compile(r"\d{10}\.\d{1,9}")  # named by the clock
_ROUNDING_S = 1.0


def writer_of(part: Path, written: Mapping[Path, float]) -> Path:
    """Return the event file of the writer that opened a folder for these events while it went on.

    ``add_scalars`` and ``add_hparams`` do. A writer that keeps no scalars in its own folder tells
    nothing; then the part stays what it is.

    Parameters
    ----------
    part
        A log.
    written
        Logs, and when they were written to last.
    """
    begun = _BEGUN.match(part.name)
    for path, last in written.items() if begun is not None else ():
        opened = _BEGUN.match(path.name)
        if opened is None or begun is None or path.parent not in part.parent.parents:
            continue
        if int(opened[1]) <= int(begun[1]) <= last + _ROUNDING_S and Digest.of(path) is not None:
            return writer_of(path, written)
    return part


def holds_a_session(events: Path) -> bool:
    """Tell whether a log lies in a folder of ``add_hparams``: settings, and results at step 0.

    Examples
    --------
    >>> from pathlib import Path
    >>> holds_a_session(Path("runs/a/events.out.tfevents.1700000000.host"))
    False
    """
    if not (_SESSION.fullmatch(events.parent.name) and events.name.startswith(EVENTS)):
        return False
    return any(events.parent.parent.glob(f"{EVENTS}*"))
