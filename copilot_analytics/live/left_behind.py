"""The runs of an earlier watch whose end nobody has told, because it died before they ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.alerts.message import digest_of
from copilot_analytics.alerts.policy import Policy
from copilot_analytics.errors import CopilotError
from copilot_analytics.live.choosing import MOST_LOGS
from copilot_analytics.live.finding import places_of
from copilot_analytics.live.first_place import place_of
from copilot_analytics.live.follow_path import followed_path

if TYPE_CHECKING:
    from copilot_analytics.alerts.ledger import Ledger

_FIRST = "first:"
_WORTH_TELLING_S = 7 * 86400.0


def left_behind(ledger: Ledger, base: Path | None, now: float) -> list[Path]:
    """Return the logs below a folder that were watched, and of whose end nobody was told.

    Parameters
    ----------
    ledger
        What was told.
    base
        Where to look; None means where `copilot_analytics.live.finding.find_logs` looks.
    now
        Seconds since 1970; a log that did not change for a week before is none of them.
    """
    notes = ledger.notes()
    places = [place.resolve() for place in places_of(base)]
    left: list[tuple[float, Path]] = []
    for key, first in notes.items():
        place = place_of(first) if key.startswith(_FIRST) else None
        if place is None:
            continue
        digest, log = key.removeprefix(_FIRST), Path(place.home)
        runs: list[str] = json.loads(notes.get(f"runs:{digest}") or "[]")
        if not runs or not any(log.resolve().is_relative_to(one) for one in places):
            continue
        try:
            changed_at = log.stat().st_mtime
            is_named_so = digest_of(followed_path(log)) == digest
        except (CopilotError, OSError):
            continue
        if not is_named_so or now - changed_at > _WORTH_TELLING_S:
            continue
        if not Policy.restore(ledger.rows(runs[-1])).end_is_told:
            left.append((changed_at, log))
    return [log for _, log in sorted(left, reverse=True)[:MOST_LOGS]]
