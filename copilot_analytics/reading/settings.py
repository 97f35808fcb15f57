"""What the settings that trainers write beside their logs state of the plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = ("args.yaml", "opt.yaml", "config.yaml")
_MOST_SETTINGS = 1 << 16  # bytes
_EPOCHS = re.compile(r"^epochs:[ \t]{0,8}([1-9]\d{0,6})[ \t\r]{0,8}$", re.MULTILINE)
# What Lightning was called with; its keys stand deeper than those of the file.
_OF_TRAINER = re.compile(r"^trainer:[ \t\r]*\n((?:[ \t]+[^\n]*(?:\n|$))+)", re.MULTILINE)


def stated_plan(folder: Path) -> dict[str, Any]:
    """Return the planned epochs that the settings of a run state in its folder.

    Ultralytics and timm write ``args.yaml``, YOLOv5 and YOLOv7 ``opt.yaml``, and Lightning's own
    command line ``config.yaml``.
    """
    for name in _SETTINGS:
        try:
            with (folder / name).open("rb") as stream:
                text = stream.read(_MOST_SETTINGS).decode("utf-8", "replace")
        except OSError:
            continue
        found = _epochs_of_trainer(text) if name == "config.yaml" else _EPOCHS.search(text)
        if found is not None:
            return {"planned_epochs": int(found[1])}
    return {}


def _epochs_of_trainer(text: str) -> re.Match[str] | None:
    """Find the epochs that Lightning's trainer was given, unless a number of steps ends it."""
    section = _OF_TRAINER.search(text)
    if section is None:
        return None
    lines = section[1].splitlines()
    depth = len(lines[0]) - len(lines[0].lstrip())
    own = [line[depth:].rstrip() for line in lines if len(line) - len(line.lstrip()) == depth]
    if any(re.fullmatch(r"max_steps: *[1-9]\d*", line) for line in own):
        return None
    found = (re.fullmatch(r"max_epochs: *([1-9]\d{0,6})", line) for line in own)
    return next(filter(None, found), None)
