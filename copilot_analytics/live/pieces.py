"""What a tailer tells: bytes that were written, and which file they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from copilot_analytics.live._files import Why

Trouble: TypeAlias = Literal["missing", "forbidden", "unreachable"]


@dataclass(frozen=True, slots=True)
class Began:
    """The bytes from here on belong to another file than those before.

    Parameters
    ----------
    file
        Where it is.
    why
        ``opened``: the first one; ``rotated``: the old one was renamed; ``truncated``: the old
        one was cut or written anew; ``replaced``: the old one is gone; ``moved``: the path leads
        elsewhere (a link, a newer directory).
    offset
        Where reading begins in it; above 0 if its start was read before.
    home
        The path under which it was written, which is not where it is once it was rotated.
    """

    file: str
    why: Why
    offset: int = 0
    home: str = field(default="", compare=False)

    def place_after(self, followed: str, *, starts_anew: bool) -> str:
        """Say for a reader where this is and why reading goes on there.

        Parameters
        ----------
        followed
            The log or the directory that is followed.
        starts_anew
            Whether each start of the training has a log of its own, so that one that ``moved`` is
            another start and no link that was turned.

        Examples
        --------
        >>> Began("runs/b/train.log", "moved").place_after("runs", starts_anew=True)
        'b/train.log (a new folder: the run was started again)'
        >>> Began("train.log", "truncated").place_after("train.log", starts_anew=False)
        'train.log (the log was truncated)'
        """
        file = Path(self.file)
        if self.why != "moved" or not starts_anew:
            return f"{file.name} (the log was {self.why})"
        if file.parent in {Path(followed), Path(followed).parent}:
            return f"{file.name} (a new log: the run was started again)"
        return f"{file.parent.name}/{file.name} (a new folder: the run was started again)"


@dataclass(frozen=True, slots=True)
class Bytes:
    """What was written.

    Parameters
    ----------
    content
        At least one byte; lines and characters may be cut anywhere.
    file
        Where it was found: for the last bytes of a file that was rotated, its new name.
    offset
        Of the first byte, in the file.
    """

    content: bytes
    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The path leads nowhere for now; told once. More of the same file, or another, may follow.

    Parameters
    ----------
    file
        The path.
    why
        ``missing``, ``forbidden`` (no permission) or ``unreachable`` (the file system fails).
    """

    file: str
    why: Trouble


Piece: TypeAlias = Began | Bytes | Gone
