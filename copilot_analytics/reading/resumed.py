"""Where a training goes on from a checkpoint, as any script may say it in its log."""

from __future__ import annotations

import re
from typing import Any

from copilot_analytics.formats._home_line_kinds import said_in
from copilot_analytics.formats._stamps import find_stamp

_LONGEST = 400
_RESUMED = re.compile(
    r"(?i)\W{0,9}(?:training\s)?resum(?:ing|ed)\s(?:(?:the\s)?(?:training|run|model)\s)?from\W{1,3}"
    r"(?:(?:the\s)?(?:last\s|latest\s|saved\s)?(?:checkpoint|ckpt|snapshot)\b\W{0,3})?(?P<rest>.{0,300})"
)
_PATH = re.compile(
    r"[^\s'\"<>|,;()]{1,300}\.(?:pth?|ckpt|tar|h5|keras|weights|pdparams|bin|safetensors|pkl|npz|zip)\b"
)
_EPOCH = re.compile(r"(?i)\bepoch\W{0,3}(?P<epoch>\d{1,7})\b")
_STEP = re.compile(r"(?i)\b(?:step|iteration|iter)\W{0,3}(?P<step>\d{1,10})\b")


def resumed_from(line: str) -> dict[str, Any] | None:
    """Return what a line says of the checkpoint that training goes on from; None if of none.

    Examples
    --------
    >>> resumed_from("Resuming from checkpoint runs/last.pt (epoch 17)")
    {'checkpoint': 'runs/last.pt', 'epoch': 17}
    >>> resumed_from("resuming from the break") is None
    True
    """
    if "esum" not in line and "ESUM" not in line:
        return None
    line = line[:_LONGEST]
    found = _RESUMED.match(said_in(line[find_stamp(line).message :]))
    if found is None:
        return None
    path, facts = _PATH.search(found["rest"]), dict[str, Any]()
    if path is not None:
        facts["checkpoint"] = path[0]
    for name, pattern in (("epoch", _EPOCH), ("step", _STEP)):
        at = pattern.search(found["rest"])
        if at is not None:
            facts[name] = int(at[name])
    return facts or None
