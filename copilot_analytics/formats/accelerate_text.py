"""The ``*_no_trainer.py`` scripts of Hugging Face's examples, which loop with Accelerate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample, judges_each_line
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESULT = re.compile(
    r"(?:^|\s)epoch (?P<epoch>\d{1,7}): (?P<rest>(?:\{'\w|\w[\w ]{0,30}: \S).{1,2000})$"
)
# As Accelerate's own examples print it; who adds a loss may mean that of the training.
_PRINTED = re.compile(
    r"^epoch \d{1,7}: \{(?:'(?!\w{0,60}loss)[A-Za-z]\w{0,60}': \d\.\d{1,20}(?:, |(?=\})))+\}$"
)
_LOGGER = " - INFO - __main__ - "
_PAIRS = re.compile(rf"'?(?P<key>[A-Za-z_][\w.@/-]{{0,60}})'?: (?P<number>{NUMBER})(?=[,}}\s]|$)")


class AccelerateText(StatementFormat):
    """``10/05/2023 10:00:00 - INFO - __main__ - epoch 0: {'accuracy': 0.8, 'f1': 0.9}``."""

    name: ClassVar[str] = "accelerate_text"
    title: ClassVar[str] = "Hugging Face no_trainer script"
    url: ClassVar[str] = "https://github.com/huggingface/transformers/tree/main/examples/pytorch"
    smoothing: ClassVar[int | None] = None
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("eval", _RESULT, _PAIRS),
        Pattern(
            "config",
            re.compile(
                r" - INFO - __main__ -\s{1,6}Num Epochs = (?P<planned_epochs>[1-9]\d{0,6})\b"
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
03/01/2024 10:20:30 - INFO - __main__ -   Num Epochs = 2
 50%|#####     | 5/10 [00:05<00:05,  1.00it/s]03/01/2024 10:20:40 - INFO - __main__ - \
epoch 0: {'accuracy': 0.75, 'f1': 0.5}
03/01/2024 10:20:50 - INFO - __main__ - epoch 1: perplexity: 20.5 eval_loss: 3.0
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("eval", None, 1.0, metrics={"accuracy": 0.75, "f1": 0.5}, line=2),
                Record("eval", None, 2.0, metrics={"perplexity": 20.5, "eval_loss": 3.0}, line=3),
            ),
        ),
        Sample(
            "epoch 0: {'accuracy': 0.75, 'f1': 0.5}\nepoch 1: {'accuracy': 0.875, 'f1': 0.625}\n",
            (
                Record("config", facts={"step_unit": "epoch"}, line=1),
                Record("eval", None, 1.0, metrics={"accuracy": 0.75, "f1": 0.5}, line=1),
                Record("eval", None, 2.0, metrics={"accuracy": 0.875, "f1": 0.625}, line=2),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return an axis of epochs, counted from 0."""
        return Axis("epoch", epoch_base=0)

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a result settles it."""
        if any(_LOGGER in line and _RESULT.search(line) for line in lines):
            return 1.0
        return 0.9 if any(map(_PRINTED.match, lines)) else 0.0


FORMAT = AccelerateText()
