"""What the tags of TensorBoard mean, each judged once, when it first appears.

Only `tfevents` has tags; `_event_rows` asks for each once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from copilot_analytics.formats._splits import split_of

if TYPE_CHECKING:
    from copilot_analytics.formats._splits import Split

Role = Literal["metric", "epoch", "progress", "nothing", "repetition"]

_LOSSES = frozenset(
    "loss train/loss train_loss loss/train training/loss training_loss loss/training total_loss"
    " train/total_loss train_total_loss train/loss_total loss/total loss_total losses/total_loss"
    " loss/train_total epoch_loss loss/total_loss train/loss/total".split()
)
_NAMES: dict[str, tuple[str, ...]] = {
    "lr": (
        "lr", "learning_rate", "train/lr", "train/learning_rate", "x/lr0", "lr/pg0", "lr/0",
        "charts/learning_rate", "training/lr", "train_lr", "optimizer/lr", "opt/lr",
        "learning-rate", "lr/lr", "epoch_lr", "epoch_learning_rate", "train/optimizer/lr",
    ),
    "grad_norm": (
        "grad_norm", "train/grad_norm", "gradient_norm", "grad-norm", "train/gradient_norm",
        "optim/grad_norm", "train/grad-norm",
    ),
    "data_time_s": ("data_time",),
    "eta_s": ("eta_seconds",),
}  # fmt: skip
_CANONICAL = {key: name for name, keys in _NAMES.items() for key in keys}
_WITH_DATA_TIME = {"time": "iter_time_s", "memory": "memory_mib"}
_COUNTERS = frozenset(
    "iter iteration step global_step train/global_step trainer/global_step".split()
)
_NO_METRICS = frozenset({"hp_metric", "_hparams_/session_start_info"})
_SAID_TWICE = re.compile(r"evaluation_\w{1,80}_vs_iterations")  # by Keras, beside `epoch_…`
_RESULT = re.compile(
    r"(?:^|[/_ ])(?:m?AP(?:\d|[@_.]\d|[-_.:\d]*$|[sml]$)"
    r"|(?:NDS|PCK|NME|mIoU|aAcc|mAcc|mDice|mFscore)$)"
    r"|^metrics/(?:precision|recall|accuracy_top)|^accuracy/top\d$"
)
"""Results that trainers measure on held-out data only, and call by no more than their name."""

_FOLDER = re.compile(
    r"(?:^|[_.-])(?P<split>train|val|valid|validation|eval|evaluation|test)(?:_\d+)?[-_.]events",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tag means.

    Parameters
    ----------
    name
        The metric.
    split
        Where it was measured.
    role
        ``epoch`` counts whole epochs, ``progress`` fractions of them; ``nothing`` is no metric,
        ``repetition`` one that another tag tells too, at a step that counts something else.
    """

    name: str
    split: Split = "train"
    role: Role = "metric"

    @property
    def is_result(self) -> bool:
        """Whether it is the result of an evaluation."""
        return self.split != "train"


class Tags:
    """Tells what tags mean, in the order in which they appear.

    A test split is what chooses the checkpoint as long as no validation split was seen.

    Parameters
    ----------
    file
        The event file; writers that have one for each split put them into folders of its name.

    Examples
    --------
    >>> tags = Tags("runs/a/events.out.tfevents.1700000000.host")
    >>> [(tag.name, tag.split) for tag in map(tags.meaning, ["train/loss", "loss", "val/loss"])]
    [('loss', 'train'), ('train/loss', 'train'), ('val/loss', 'val')]
    >>> tags = Tags("runs/detect/train/events.out.tfevents.1700000000.host")
    >>> [tags.meaning(tag).split for tag in ("metrics/mAP50(B)", "lr/pg0", "mAP")]
    ['val', 'train', 'train']
    """

    def __init__(self, file: str) -> None:
        parts = file.replace("\\", "/").split("/")
        self._folder = parts[-2] if len(parts) > 1 else ""
        found = _FOLDER.search(parts[-1])
        whole = re.sub(r"_\d+$", "", self._folder)
        self._split = split_of(whole) if re.fullmatch(r"[A-Za-z]+", whole) else None
        if self._split is None and found is not None:
            self._split = split_of(found["split"])
        self._taken: set[str] = set()
        self._saw_validation = False

    def meaning(self, tag: str) -> Tag:
        """Return what a new tag means."""
        lower = tag.lower()
        if tag in _NO_METRICS or lower in _COUNTERS:
            return Tag(tag, role="nothing")
        if _SAID_TWICE.fullmatch(tag):
            return Tag(tag, role="repetition")
        if lower == "epoch":
            return Tag(tag, role="epoch")
        if lower in {"train/epoch", "eval/epoch"}:
            return Tag(tag, role="progress")
        split = self._split_of(tag)
        if split != "train":
            return Tag(tag, split)
        name = "loss" if lower in _LOSSES else _CANONICAL.get(lower, tag)
        if lower.startswith("lr-"):
            name = "lr"
        if "data_time_s" in self._taken:
            name = _WITH_DATA_TIME.get(lower, name)
        name = tag if name in self._taken else name
        while name in self._taken:
            name = f"train/{name}"
        self._taken.add(name)
        return Tag(name)

    def _split_of(self, tag: str) -> Split:
        # Ultralytics trains into a folder `train`, and tells there what it measured on other data.
        is_told = tag.startswith("metrics/") and _RESULT.search(tag) is not None
        split = split_of(tag) or (None if is_told else self._split) or self._of_folder(tag)
        if split is None:
            split = "val" if _RESULT.search(tag) else "train"
        if split == "test" and not self._saw_validation:
            return "val"
        self._saw_validation = self._saw_validation or split == "val"
        return split

    def _of_folder(self, tag: str) -> Split | None:
        """Return the split that ``add_scalars`` of PyTorch puts behind the tag in the folder."""
        start = tag.replace("/", "_") + "_"
        return (
            split_of(self._folder.removeprefix(start)) if self._folder.startswith(start) else None
        )
