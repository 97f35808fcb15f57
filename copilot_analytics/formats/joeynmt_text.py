"""The training log of Joey NMT."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample, judges_each_line
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import COLON_PAIRS
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record
from copilot_analytics.schema import direction_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TRAINING = re.compile(
    r"(?P<key>Batch Loss|Batch Acc|Lr|Tokens per Sec|Learning Rate):"
    rf"\s{{1,12}}(?P<number>{NUMBER})(?![\w.])"
)

_VALIDATIONS = re.compile(
    r"^Steps:\s{1,4}(?P<step>\d{1,12})\t(?P<rest>(?:[\w-]{1,20}:\s{1,12}\S{1,30}\t){1,12}?)"
    r"LR:\s{1,12}\S{1,30}(?:\t\*?)?\s*$"
)
_SAME_AS_OTHERS = ("ppl", "loss", "acc")  # the least telling last


class StarredMetric:
    """Learns by which metric the best validations of ``validations.txt`` have their star.

    Examples
    --------
    >>> stars = StarredMetric()
    >>> stars.see({"loss": 4.5, "acc": 0.25}, is_best=True)
    >>> stars.see({"loss": 3.5, "acc": 0.20}, is_best=True)
    'loss'
    """

    def __init__(self) -> None:
        self._best: dict[str, float] = {}
        self._fitting: list[str] | None = None

    def see(self, results: dict[str, float], *, is_best: bool) -> str | None:
        """Take the next validation; return the metric that fits all stars where others do not."""
        signed = {
            name: -number if direction_of(name)[0] == "max" else number
            for name, number in results.items()
        }
        if self._fitting is None:
            self._fitting = sorted(signed, key=_rank)
        better = {name for name, n in signed.items() if n < self._best.get(name, math.inf)}
        self._best |= {name: signed[name] for name in better}
        stays = better if is_best else signed.keys() - better
        self._fitting = [name for name in self._fitting if name in stays]
        told = bool(self._fitting) and len(self._fitting) < len(self._best)
        return self._fitting[0] if told else None


def _rank(name: str) -> int:
    lower = name.lower()
    return _SAME_AS_OTHERS.index(lower) + 1 if lower in _SAME_AS_OTHERS else 0


class JoeyNMTParser(StatementParser):
    """Learns from the stars of validations which metric chooses the checkpoint."""

    def __init__(self, patterns: tuple[Pattern, ...], rows: RowReader, naming: Naming) -> None:
        super().__init__(patterns, rows, naming)
        self._stars = StarredMetric()

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a line that is no training."""
        records = list(super().parse(line, number))
        if not _VALIDATIONS.search(line):
            return records
        results = {name: n for record in records for name, n in record.metrics.items()}
        chosen = self._stars.see(results, is_best=line.rstrip().endswith("*"))
        facts = {} if chosen is None else {"save_best": chosen}
        return [*records, *self._rows.config(facts, number)]


class JoeyNMTText(StatementFormat):
    """``Epoch   1, Step:      100, Batch Loss:     5.058401, Tokens per Sec: ..., Lr: 0.0003``."""

    name: ClassVar[str] = "joeynmt_text"
    title: ClassVar[str] = "Joey NMT log"
    url: ClassVar[str] = "https://github.com/joeynmt/joeynmt"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {
            "Tokens per Sec": None,
            "duration": None,
            "evaluation": None,
            "generation": None,
            "Learning Rate": "lr",
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bEpoch\s{1,6}(?P<epoch>\d{1,6}),?\s{1,6}Step:\s{1,12}(?P<step>\d{1,12}),?\s{1,6}"
                r"(?P<rest>Batch Loss:[^\n]{1,300})"
            ),
            _TRAINING,
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bValidation result (?:\([^)]{1,40}\) )?at epoch\s{1,6}(?P<epoch>\d{1,6}), "
                r"step\s{1,12}(?P<step>\d{1,12}): (?P<rest>[^\n]{1,400})"
            ),
            COLON_PAIRS,
        ),
        Pattern(  # validations.txt
            "eval",
            _VALIDATIONS,
            COLON_PAIRS,
        ),
        Pattern(
            "eval",
            re.compile(r"\bEvaluation result (?:\([^)]{1,40}\)):? (?P<rest>[^\n]{1,400})"),
            COLON_PAIRS,
        ),
        Pattern(
            "config", re.compile(r"\bcfg\.training\.epochs\s{1,60}: (?P<planned_epochs>[1-9]\d*)")
        ),
        Pattern(
            "config", re.compile(r"\bcfg\.training\.updates\s{1,60}: (?P<planned_steps>[1-9]\d*)")
        ),
        Pattern("config", re.compile(r"\bcfg\.name\s{1,60}: (?P<name>\S{1,200})")),
        Pattern(
            "config",
            re.compile(r"\bcfg\.training\.early_stopping_metric\s{1,60}: (?P<save_best>\w{1,40})"),
        ),
        Pattern(  # "eval_metric" is not the name of one
            "config",
            re.compile(r"\bNew best validation result \[(?!eval_metric)(?P<save_best>\w{1,40})\]"),
        ),
        Pattern("checkpoint", re.compile(r"\bSaving new checkpoint\.")),
        Pattern("checkpoint", re.compile(r"\bCheckpoint saved in (?P<path>\S{1,400}?)\.?\s*$")),
        Pattern(
            "end",
            re.compile(r"\bTraining ended (?:after|since (?:there were|minimum lr))\b"),
            facts={"reason": "the log says that training ended"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30,500 - INFO - joeynmt.helpers - cfg.training.epochs                : 7
2024-03-01 10:20:31,500 - INFO - joeynmt.training - Epoch   1, Step:       50, Batch Loss:     \
5.250000, Tokens per Sec:     1234, Lr: 0.000300
2024-03-01 10:20:32 Epoch   1 Step:      100 Batch Loss:     4.250000 Tokens per Sec:    20734, \
Lr: 0.000300
2024-03-01 10:20:33,500 - INFO - joeynmt.training - Saving new checkpoint.
2024-03-01 10:20:34,500 - INFO - joeynmt.training - Validation result (greedy) at epoch   1, \
step      100: bleu:   1.25, loss: 1000.5000, ppl:  20.2500, duration: 9.5000s
2024-03-01 10:20:35,500 - INFO - joeynmt.training - Training ended after   7 epochs.
""",
            (
                Record("config", facts={"planned_epochs": 7}, line=1),
                Record("train", 50, 0, 1709288431.5, {"Batch Loss": 5.25, "lr": 3e-4}, line=2),
                Record("train", 100, metrics={"Batch Loss": 4.25, "lr": 3e-4}, line=3),
                Record("checkpoint", line=4),
                Record("eval", 100, metrics={"bleu": 1.25, "loss": 1000.5, "ppl": 20.25}, line=5),
                Record("end", line=6),
            ),
        ),
        Sample(
            """\
2024-03-01 10:20:31,500 - INFO - joeynmt.training - Epoch   1, Step:       50, Batch Loss:     \
5.250000, Batch Acc: 0.125000, Tokens per Sec:     1234, Lr: 0.000300
2024-03-01 10:20:34,500 - INFO - joeynmt.prediction - Evaluation result (greedy): bleu:   1.25, \
loss:   4.50, ppl:  20.25, acc:   0.25, generation: 9.5000[sec], evaluation: 0.5000[sec]
2024-03-01 10:20:34,600 - INFO - joeynmt.training - Hooray! New best validation result [bleu]!
2024-03-01 10:20:34,700 Hooray! New best validation result [eval_metric]!
""",
            (
                Record("train", 50, metrics={"Batch Loss": 5.25, "Batch Acc": 0.125}, line=1),
                Record("eval", 50, metrics={"bleu": 1.25, "loss": 4.5, "ppl": 20.25}, line=2),
                Record("config", facts={"save_best": "bleu"}, line=3),
            ),
        ),
        Sample(
            "Steps: 100\tloss: 4.50\tacc: 0.25\tppl: 90.25\tLR: 0.00030000\t*\n"
            "Steps: 200\tLoss: 800.50\tPPL: 80.25\tbleu: 1.25\tLR: 0.00030000\t\n",
            (
                Record("eval", 100, metrics={"loss": 4.5, "acc": 0.25, "ppl": 90.25}, line=1),
                Record("eval", 200, metrics={"Loss": 800.5, "PPL": 80.25, "bleu": 1.25}, line=2),
            ),
        ),
        Sample(
            "Steps: 100\tloss: 4.50\tacc: 0.25\tppl: 90.25\tLR: 0.00030000\t*\n"
            "Steps: 200\tloss: 4.25\tacc: 0.20\tppl: 70.25\tLR: 0.00030000\t*\n"
            "Steps: 300\tloss: 4.50\tacc: 0.50\tppl: 90.50\tLR: 0.00030000\t\n",
            (
                Record("eval", 100, metrics={"loss": 4.5, "acc": 0.25, "ppl": 90.25}, line=1),
                Record("eval", 200, metrics={"loss": 4.25, "acc": 0.2, "ppl": 70.25}, line=2),
                Record("config", facts={"save_best": "ppl"}, line=2),
                Record("eval", 300, metrics={"loss": 4.5, "acc": 0.5, "ppl": 90.5}, line=3),
            ),
        ),
    )

    def parser(self, file: str) -> JoeyNMTParser:
        """Return a fresh parser for a log."""
        return JoeyNMTParser(self.patterns, RowReader(file, self.axis(), self.naming), self.naming)

    @judges_each_line
    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a training line settles it, or one of ``validations.txt``."""
        listed = any(_VALIDATIONS.search(line) for line in lines)
        return 1.0 if listed else super().confidence(lines)


FORMAT = JoeyNMTText()
