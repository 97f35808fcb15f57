"""What a watch has seen of a file before it was destroyed."""

from __future__ import annotations

import os
from itertools import count, pairwise
from typing import TYPE_CHECKING

from copilot_analytics.live.pieces import Began, Bytes
from copilot_analytics.live.tail import Tailer

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.live.pieces import Piece


class Witness:
    """Notes the bytes that supervisors read, file by file.

    Each process has a folder, and in it each file that it read another one with a number.

    Parameters
    ----------
    folder
        Where; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def attend(self) -> None:
        """Note what is read in this process from now on, before anything is made of it."""
        own = next(place for n in count() if not (place := self._folder / f"{n}").exists())
        own.mkdir()
        poll, numbers = Tailer.poll, count()
        noted = [own / "before"]

        def attended(tailer: Tailer) -> list[Piece]:
            pieces = poll(tailer)
            for piece in pieces:
                if isinstance(piece, Began):
                    noted[0] = own / f"{next(numbers):04d}"
                    noted[0].touch()
                elif isinstance(piece, Bytes):
                    out = os.open(noted[0], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                    os.write(out, piece.content)
                    os.close(out)
            return pieces

        Tailer.poll = attended  # type: ignore[method-assign]  # the process is made for that

    def seen_of(self, content: bytes) -> set[int]:
        """Return of how many bytes a watch went on to another file, other than none or all."""
        lengths = set()
        for process in self._folder.iterdir():
            for left, _ in pairwise(sorted(process.iterdir())):
                seen = left.read_bytes()
                if content.startswith(seen):
                    lengths.add(len(seen))
        return lengths - {0, len(content)}
