"""The state that the Trainer of Hugging Face saves with each checkpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CHECKPOINT = re.compile(r"checkpoint-(\d{1,9})")
STATE = "trainer_state.json"
"""What the Trainer of Hugging Face saves with each checkpoint."""


def states_of(log: Path) -> list[Path]:
    """Return the state of the Trainer that wrote event files or a checkpoint, its newest one."""
    at = log.resolve()
    if at.parent.parent.name == "runs":
        folder = at.parent.parent.parent
    elif _CHECKPOINT.fullmatch(at.parent.name) and at.name == STATE:
        folder = at.parent.parent
    else:
        return []
    newest = saved_state(folder)
    return [newest] if newest is not None and newest != at else []


def saved_state(folder: Path) -> Path | None:
    """Return the newest state that the Trainer of Hugging Face saved in a folder; None if none.

    It is kept with each checkpoint, and in the folder itself once the training is over.

    Examples
    --------
    >>> from pathlib import Path
    >>> saved_state(Path("no/such/folder")) is None
    True
    """
    try:
        if (folder / STATE).is_file():
            return folder / STATE
        saved = [
            (int(found[1]), path)
            for path in folder.iterdir()
            if (found := _CHECKPOINT.fullmatch(path.name)) and (path / STATE).is_file()
        ]
    except OSError:
        return None
    return max(saved)[1] / STATE if saved else None


def is_saved_state(path: Path) -> bool:
    """Tell whether a file is the state that the Trainer saved with a checkpoint.

    Examples
    --------
    >>> from pathlib import Path
    >>> is_saved_state(Path("out/checkpoint-80/trainer_state.json"))
    True
    """
    return path.name == STATE and _CHECKPOINT.fullmatch(path.parent.name) is not None
