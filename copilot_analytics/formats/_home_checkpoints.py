"""Checkpoints that home-made logs say they saved, and whether they did so for a best result."""

from __future__ import annotations

import re
from typing import Any

from copilot_analytics.formats._home_vocabulary import OF_THE_BEST

_LONGEST = 400
_SAVED = re.compile(
    r"(?i)(?<![a-z_])(?<!to )(?<!be )(?<!not )(?:sav(?:ed?|ing)|wrote|writing|stored|storing)"
    r"(?![a-z_])|保存"
)
_LOADED = re.compile(r"(?i)(?<![a-z])(?:load|restor|resum)|加载")
_OF_A_MODEL = re.compile(
    r"(?i)(?<![a-z])(?:checkpoints?|models?|weights|snapshots?|ckpt|state[ _]dict|parameters)"
    r"(?![a-z])|模型|权重"
)
_PATH = re.compile(
    r"(?P<path>[^\s'\"<>|]{1,300}(?:\.(?:pth?|pth\.tar|ckpt|tar|h5|hdf5|keras|weights|params|pdparams|bin"
    r"|safetensors|pkl|caffemodel|model|npz|onnx)\b|(?:ckpt|checkpoint)[-_]\d{1,12}))"
)
_DECIMAL = re.compile(r"(?<![\w./-])-?\d{1,12}\.\d{1,20}(?![\w./-])")


def saved_checkpoint(message: str) -> dict[str, Any] | None:
    """Return the facts of the checkpoint that a line says was saved; None if it says no such thing.

    Examples
    --------
    >>> saved_checkpoint("=> saving checkpoint to out/epoch_3.pth")
    {'path': 'out/epoch_3.pth'}
    >>> saved_checkpoint("New best val loss 0.25, model saved")
    {'best_metric': 0.25}
    >>> saved_checkpoint("Figures saved to out/loss.png") is None
    True
    """
    if len(message) > _LONGEST or _SAVED.search(message) is None or _LOADED.search(message):
        return None
    path = _PATH.search(message)
    if path is None and _OF_A_MODEL.search(message) is None:
        return None
    facts: dict[str, Any] = {} if path is None else {"path": path["path"].strip("()[],;:")}
    numbers = _DECIMAL.findall(message)
    if OF_THE_BEST.search(message) and len(numbers) == 1:
        facts["best_metric"] = float(numbers[0])
    return facts
