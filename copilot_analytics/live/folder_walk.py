"""Goes through folders for files that may be logs, within bounds of depth, number and time."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_MOST_DEPTH = 7
_MOST_ENTRIES = 100_000
_SKIPPED = frozenset(
    "__pycache__ node_modules site-packages dist-packages conda-meta venv env cache caches".split()
)
_NO_LOGS = frozenset(
    ".py .pyc .ipynb .pth .pt .ckpt .bin .safetensors .onnx .npy .npz .pkl .h5 .hdf5 .parquet "
    ".csv .tsv .png .jpg .jpeg .gif .bmp .webp .svg .pdf .mp4 .avi .mov .wav .zip .tar .gz .bz2 "
    ".xz .zst .7z .whl .so .o .a .c .h .cc .cpp .cu .cuh .js .ts .css .html .md .rst .toml .yaml "
    ".yml .ini .cfg .lock .sqlite .sqlite3 .db .pid .sh .xml".split()
)
# Data sets and predictions are tables too: only what trainers name so is opened.
_TABLES = frozenset("metrics results progress summary history log train training".split())


class Walk:
    """Goes through folders, the nearest first, each once.

    Parameters
    ----------
    until
        When to stop, by the monotonic clock.

    Attributes
    ----------
    notes : list of str
        What was left out because of the limits.
    folders : dict of str to int
        When each folder that was entered had changed last, in nanoseconds since 1970.
    """

    def __init__(self, until: float) -> None:
        self.notes: list[str] = []
        self.folders: dict[str, int] = {}
        self._until = until
        self._entered: set[tuple[int, int]] = set()
        self._entries = 0

    def files(
        self, places: list[Path], known: Container[str] = ()
    ) -> Iterator[tuple[str, int, float]]:
        """Yield path, size and time of change of each file that may be a log by its name.

        Parameters
        ----------
        places
            Where to begin.
        known
            Folders below them that are not to be entered.
        """
        seen: set[tuple[int, int]] = set()
        for place in places:
            folders = [(str(place), 0)]
            while folders:
                folder, depth = folders.pop(0)
                links: list[tuple[str, int]] = []
                for entry in self._scan(folder):
                    try:
                        if entry.is_dir():
                            there = links if entry.is_symlink() else folders
                            if depth < _MOST_DEPTH and not (
                                os.path.normpath(entry.path) in known or _is_skipped(entry)
                            ):
                                there.append((entry.path, depth + 1))
                        if entry.is_dir() or not _may_be_log(entry.name):
                            continue
                        status = entry.stat()
                    except (OSError, ValueError):
                        continue
                    key = status.st_dev, status.st_ino
                    if stat.S_ISREG(status.st_mode) and key not in seen:
                        seen.add(key)
                        path = os.path.normpath(entry.path)
                        yield path, status.st_size, status.st_mtime
                folders += links  # what has a place of its own is called by that

    def _scan(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            here = Path(folder).stat()
            key = here.st_dev, here.st_ino
            if key in self._entered:
                return
            self._entered.add(key)
            self.folders[os.path.normpath(folder)] = here.st_mtime_ns
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries > _MOST_ENTRIES or time.monotonic() > self._until:
                        note = f"the search ended early, after {self._entries:,} entries"
                        self.notes = self.notes or [note]
                        return
                    yield entry
        except OSError:
            return


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    hidden = name.startswith(".") or name.endswith((".egg-info", ".dist-info", "_cache"))
    return hidden or name in _SKIPPED or Path(entry.path, "pyvenv.cfg").exists()


def _may_be_log(name: str) -> bool:
    path = Path(name.lower())
    if path.suffix in {".csv", ".tsv"}:
        return path.stem in _TABLES
    return not name.startswith(".") and path.suffix not in _NO_LOGS
