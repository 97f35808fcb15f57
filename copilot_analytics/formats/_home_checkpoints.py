"""Checkpoints that home-made logs say they saved, and whether they did so for a best result."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from copilot_analytics.formats._home_vocabulary import OF_THE_BEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.formats._axis import Axis

_LONGEST = 400
_SAVED = re.compile(
    r"(?i)(?<![a-z_])(?<!to )(?<!be )(?<!not )(?:sav(?:ed?|ing)|wrote|writing|stored|storing)"
    r"(?![a-z_])|保存"
)
_LOADED = re.compile(r"(?i)(?<![a-z])(?:load|restor|resum)|加载")
_RESUMED = re.compile(r"(?i)^\W{0,12}(?:(?:training|run)\s(?:is\s)?)?resum(?:ed|ing)\b(?!\s?[:=])")
_TO_RESUME_AT = re.compile(
    r"(?i)\b(?P<unit>epoch|step|iter(?:ation)?)s?\W{0,3}(?P<number>\d{1,12})(?![\w.])"
)
_OF_A_MODEL = re.compile(
    r"(?i)(?<![a-z])(?:checkpoints?|models?|weights|snapshots?|ckpt|state[ _]dict|parameters)"
    r"(?![a-z])|模型|权重"
)
_PATH = re.compile(
    r"(?P<path>[^\s'\"<>|]{1,300}(?:\.(?:pth?|pth\.tar|ckpt|tar|h5|hdf5|keras|weights|params|pdparams|bin"
    r"|safetensors|pkl|caffemodel|model|npz|onnx)\b|(?:ckpt|checkpoint)[-_]\d{1,12}))"
)
_BETTER = re.compile(
    r"(?i)(?:(?P<name>[a-z][\w @/.-]{1,60}?)\s{1,3}(?:has\s)?)?"
    r"(?:decreased|improved|increased|reduced|dropped|rose)\b\W{0,4}(?:from\s)?\(?"
    r"[+-]?(?:\d{1,12}(?:\.\d{0,20})?(?:e[+-]?\d{1,3})?|inf(?:inity)?)%?"
    r"\s{0,3}(?:-{1,3}>|=>|→|to)\s{0,3}"
    r"(?P<value>[+-]?\d{1,12}(?:\.\d{0,20})?(?:e[+-]?\d{1,3})?)(?![\w.]*\d)"
)
_AT_EPOCH = re.compile(
    r"(?i)\b(?:at|in|for|of|from|after)\sepoch\W{0,3}(?P<epoch>\d{1,7})(?![\w.])"
)
_DECIMAL = re.compile(r"(?<![\w./-])-?\d{1,12}\.\d{1,20}(?![\w./-])")
_ANY_DECIMAL = re.compile(r"(?<![\w.])-?\d{1,20}\.\d{1,20}(?![\w.])")


def improvement(message: str) -> tuple[str, float] | None:
    """Return which measure a line says got better, and to what value; None if it says none did.

    Examples
    --------
    >>> improvement("Validation loss decreased (inf --> 0.25).  Saving model ...")
    ('Validation loss', 0.25)
    >>> improvement("val_acc improved from 0.71 to 0.73, saving model to best.pth")
    ('val_acc', 0.73)
    >>> improvement("learning rate 0.1")
    """
    found = _BETTER.search(message[:_LONGEST])
    return None if found is None else ((found["name"] or "").strip(), float(found["value"]))


def saved_checkpoint(message: str) -> dict[str, Any] | None:
    """Return the facts of the checkpoint that a line says was saved; None if it says no such thing.

    Examples
    --------
    >>> saved_checkpoint("=> saving checkpoint to out/epoch_3.pth")
    {'path': 'out/epoch_3.pth'}
    >>> saved_checkpoint("New best val loss 0.25, model saved")
    {'best_metric': 0.25}
    >>> saved_checkpoint("Validation loss decreased (0.31 --> 0.25).  Saving model ...")
    {'best_metric': 0.25}
    >>> saved_checkpoint("Best model saved at epoch 4")
    {'epoch': 4}
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
    better = improvement(message)
    epoch = _AT_EPOCH.search(message)
    if epoch is not None:
        facts["epoch"] = int(epoch["epoch"])
    if better is not None:
        facts["best_metric"] = better[1]
    elif OF_THE_BEST.search(message) and len(numbers) == 1:
        facts["best_metric"] = float(numbers[0])
    return facts


def resumed_from(message: str) -> dict[str, Any] | None:
    """Return from where a line says that training was resumed; None if it says no such thing.

    Examples
    --------
    >>> resumed_from("=> Resuming from checkpoint 'out/last.pt' (epoch 17)")
    {'checkpoint': 'out/last.pt', 'epoch': 17}
    >>> resumed_from("Training resumed at step 4000")
    {'step': 4000}
    >>> resumed_from("resume: out/last.pt") is None
    True
    """
    if len(message) > _LONGEST or _RESUMED.match(message) is None:
        return None
    path, place = _PATH.search(message), _TO_RESUME_AT.search(message)
    if path is None and place is None:
        return None
    facts: dict[str, Any] = {} if path is None else {"checkpoint": path["path"].strip("()[],;:")}
    if place is not None:
        facts["epoch" if place["unit"].lower() == "epoch" else "step"] = int(place["number"])
    return facts


def best_told(line: str) -> tuple[str, list[float]] | None:
    """Return the name and the values that a line tells of a best result; None if it tells none.

    Examples
    --------
    >>> best_told("New best model saved (val_loss: 0.25)")
    ('', [0.25])
    >>> best_told("Validation loss decreased (0.31 --> 0.25).  Saving model ...")
    ('Validation loss', [0.25])
    """
    better = improvement(line)
    if better is not None:
        return better[0], [better[1]]
    if OF_THE_BEST.search(line) is None:
        return None
    return "", [float(text) for text in _ANY_DECIMAL.findall(line)]


def is_newest(line: str, saved: Mapping[str, Any], axis: Axis) -> bool:
    """Tell whether a checkpoint that a line tells is of where training stands.

    One of a best result is if the line names that result, or the epoch: others sum up.
    """
    if OF_THE_BEST.search(line) is None:
        return True
    return axis.is_at(saved["epoch"]) if "epoch" in saved else "best_metric" in saved
