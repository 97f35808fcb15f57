"""The logs of DeepSpeed-Chat, and what DeepSpeed's pipeline engine prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_PPO = re.compile(
    rf"\|\s?(?P<key>act_loss|cri_loss|unsuper_loss|(?:Actor|Critic|Unsupervised) Loss): "
    rf"(?P<number>{NUMBER})"
)

_EVALUATING = re.compile(
    r"^\*{5} Evaluating (?:perplexity|reward), Epoch \d{1,9}/(?P<planned_epochs>\d{1,9}) \*{5}"
)


class DeepSpeedText(StatementFormat):
    """``epoch: 0|step: 0|ppo_ep: 1|act_loss: 0.25|cri_loss: 0.5|unsuper_loss: 0.0``."""

    name: ClassVar[str] = "deepspeed_text"
    title: ClassVar[str] = "DeepSpeed or DeepSpeed-Chat log"
    url: ClassVar[str] = "https://github.com/deepspeedai/DeepSpeedExamples"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"reward": "average reward score"})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bepoch: (?P<epoch>\d{1,9})\s?\|\s?step: (?P<inner>\d{1,12})\s?\|\s?"
                r"ppo[_ ]ep(?:och)?: \d{1,9}\s?(?P<rest>\|[^\n]{1,400})$",
                re.IGNORECASE,
            ),
            _PPO,
        ),
        Pattern(
            "train",
            re.compile(
                r"\bEpoch: (?P<epoch>\d{1,9}), Step: (?P<inner>\d{1,12}), Rank: \d{1,6}, "
                rf"loss = (?P<loss>{NUMBER})"
            ),
        ),
        Pattern(
            "train",
            re.compile(
                rf"\bsteps: (?P<step>\d{{1,12}}) loss: (?P<loss>{NUMBER}) "
                rf"iter time \(s\): (?P<iter_time_s>{NUMBER}) samples/sec: "
            ),
        ),
        Pattern("eval", re.compile(rf"^average reward score: (?P<reward>{NUMBER})", re.IGNORECASE)),
        Pattern("eval", re.compile(rf"^ppl: (?P<ppl>{NUMBER})(?:, loss: (?P<loss>{NUMBER}))?\s*$")),
        Pattern(
            "eval",
            re.compile(
                rf"^chosen_last_scores \(higher is better\) : (?P<chosen_last_scores>{NUMBER}), "
                r"(?:rejected_last_scores \(lower is better\) : "
                rf"(?P<rejected_last_scores>{NUMBER}), )?"
                rf"acc \(higher is better\) : (?P<acc>{NUMBER})"
            ),
        ),
        Pattern(
            "config",
            re.compile(
                r"\bBeginning of Epoch \d{1,9}/(?P<planned_epochs>\d{1,9}), "
                r"Total (?:Generation|Micro) Batches (?P<steps_per_epoch>\d{1,12})"
            ),
        ),
        Pattern("config", _EVALUATING),
        Pattern("checkpoint", re.compile(r"^saving (?:the final )?model \.\.\.")),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Beginning of Epoch 1/2, Total Generation Batches 2
epoch: 0|step: 0|ppo_ep: 1|act_loss: 0.25|cri_loss: 0.5|unsuper_loss: 0.0
average reward score: 3.125
epoch: 0|step: 1|ppo_ep: 1|act_loss: 0.125|cri_loss: 0.25|unsuper_loss: 0.0
Epoch: 1 | Step: 0 | PPO Epoch: 1 | Actor Loss: nan | Critic Loss: 0.5 | Unsupervised Loss: 0.0
""",
            (
                Record("config", facts={"planned_epochs": 2, "steps_per_epoch": 2}, line=1),
                Record("train", 1, 0.5, metrics={"act_loss": 0.25, "cri_loss": 0.5}, line=2),
                Record("eval", 1, metrics={"average reward score": 3.125}, line=3),
                Record("train", 2, 1.0, metrics={"act_loss": 0.125, "cri_loss": 0.25}, line=4),
                Record("train", 3, 1.5, metrics={"Actor Loss": float("nan")}, line=5),
            ),
        ),
        Sample(
            """\
***** Evaluating perplexity, Epoch 0/1 *****
Beginning of Epoch 1/1, Total Micro Batches 20
Epoch: 0, Step: 10, Rank: 0, loss = 2.125
ppl: 8.5, loss: 2.140
chosen_last_scores (higher is better) : 1.5, rejected_last_scores (lower is better) : 0.5, acc \
(higher is better) : 0.75
steps: 30 loss: 5.1250 iter time (s): 0.250 samples/sec: 64.000
""",
            (
                Record("config", facts={"planned_epochs": 1}, line=1),
                Record("config", facts={"steps_per_epoch": 20}, line=2),
                Record("train", 11, 0.55, metrics={"loss": 2.125}, line=3),
                Record("eval", 11, metrics={"ppl": 8.5, "loss": 2.14}, line=4),
                Record("eval", 11, metrics={"acc": 0.75}, line=5),
                Record("train", 30, metrics={"loss": 5.125, "iter_time_s": 0.25}, line=6),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: the evaluation before the first step is its own, too."""
        started = any(_EVALUATING.match(line) for line in lines)
        return 1.0 if started else super().confidence(lines)

    def axis(self) -> Axis:
        """Return an axis that counts from 0, with a reward after each step."""
        return Axis(epoch_base=0, inner_base=0, evaluates_within=True)


FORMAT = DeepSpeedText()
