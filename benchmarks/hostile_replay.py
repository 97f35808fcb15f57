"""What a replay of all that a hostile writer wrote says, and what it may say of what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from copilot_analytics.alerts.message import event_id
from copilot_analytics.alerts.rules import SUBJECTS
from copilot_analytics.live.follow_path import source_of
from copilot_analytics.live.log_session import LogSession

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hostile_witness import Witness
    from hostile_writer import HostileWriter

Replayed: TypeAlias = dict[str, dict[str, Any]]
"""The events of each run by their ids."""


class FinalLog:
    """The log of a round.

    Parameters
    ----------
    writer
        Who wrote it.
    witness
        What supervisors read of it.
    journals
        Folder of what they kept.
    """

    def __init__(self, writer: HostileWriter, witness: Witness, journals: Path) -> None:
        self._writer, self._witness, self._journals = writer, witness, journals
        self._known: dict[tuple[tuple[bytes, ...], tuple[bytes, ...]], Replayed] = {}

    def replayed(self, seen: int | None = None) -> Replayed:
        """Replay it.

        Parameters
        ----------
        seen
            How many bytes of what was destroyed count; None: all.
        """
        writer = self._writer
        files = []
        for number, segments in enumerate(writer.written):
            files += [bytes(segment) for segment in segments]
            if seen is not None and number in writer.destroyed:
                files[-1] = files[-1][:seen]
        whole = tuple(filter(None, files))
        kept = tuple(path.read_bytes() for path in sorted(self._journals.glob("*")))
        if (whole, kept) not in self._known:
            self._known[whole, kept] = _replay(writer.path, whole, self._journals)
        return self._known[whole, kept]

    def allowed(self) -> list[Replayed]:
        """Return what may have been told: of all, of what is left, and of what a watch had seen."""
        destroyed = [bytes(self._writer.written[n][-1]) for n in self._writer.destroyed]
        seen = {length for content in destroyed for length in self._witness.seen_of(content)}
        return [self.replayed(length) for length in (None, *sorted({0, *seen}))]


def _replay(path: Path, files: Iterable[bytes], journals: Path) -> Replayed:
    source = source_of(path)
    log = LogSession(source if isinstance(source, str) else source.path, journals=journals)
    for content in files:
        log.feed(content)
        log.end_line()
    log.catch_up()
    runs = [(key, past) for key, _, past in log.superseded]
    runs.append((log.run_key, [log.relative(event) for event in log.run_events]))
    return {key: {event_id(key, e): e for e in past if e.kind in SUBJECTS} for key, past in runs}
