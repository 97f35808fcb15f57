"""Drops what was kept of runs whose log is gone, so that it does not pile up for ever.

A log that is still there may be watched or reported again; what was told of it, and what its
journal holds, stays for as long.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live._files import rotated_siblings
from copilot_analytics.live.first_place import place_of

if TYPE_CHECKING:
    from copilot_analytics.alerts.ledger import Ledger

KEPT_S = 90 * 86400.0
"""So long it is kept: a drive may be away for a while, or the log be moved back."""


def forget_the_gone(ledger: Ledger, journals: Path | None, now: float) -> list[str]:
    """Drop decisions, messages and journals of runs that are over for 90 days and have no log.

    Parameters
    ----------
    ledger
        What was told.
    journals
        Folder of the journals; None if there is none.
    now
        Seconds since 1970.

    Returns
    -------
    list of str
        Keys of the runs that were dropped.
    """
    before = now - KEPT_S
    dropped = [
        run_key
        for run_key in ledger.forgettable(before, _is_gone)
        if journals is None or _drop(journals / f"{run_key}.jsonl", before)
    ]
    return ledger.forget(dropped, before, now)


def _drop(journal: Path, before: float) -> bool:
    """Delete a journal that was not written to since then; return whether there is none now."""
    try:
        if journal.stat().st_mtime >= before:
            return False
        journal.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False  # it is tried again at the next start
    return True


def _is_gone(first: str) -> bool:
    """Tell whether nothing is left of a log, by the note of where its run began.

    One that may not be looked at, as on a drive that does not answer, is not gone.
    """
    place = place_of(first)
    if place is None:
        return False
    try:
        Path(place.home).stat()
    except (FileNotFoundError, NotADirectoryError):
        return not rotated_siblings(place.home)
    except OSError:
        return False
    return False
