"""The training and validation logs of Marian."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PLACE = r"\bEp\. (?P<epoch>\d{1,9}) : Up\. (?P<step>\d{1,12}) : "
_PAIRS = re.compile(rf"(?P<key>Cost|gNorm|L\.r\.) (?P<number>{NUMBER})(?![\w.])")
_RESULTS = re.compile(
    rf"(?P<key>[A-Za-z][\w.-]{{0,60}}) : (?P<number>{NUMBER})(?= : (?:new best|stalled|no "
    rf"effect)|$)"
)
_RESULT = re.compile(
    rf"\[valid\] {_PLACE}(?P<rest>[A-Za-z][\w.-]{{0,60}} : {NUMBER}"
    r"(?: : (?:new best|stalled|no effect)[^\n]{0,80})?$)"
)


class MarianParser(StatementParser):
    """Knows that ``translation`` is the BLEU of a validation, by which models are chosen."""

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any line but one of the training."""
        records = list(super().parse(line, number))
        if any(record.kind == "eval" and "translation" in record.metrics for record in records):
            facts = {"save_best": "translation", "save_best_direction": "max"}
            return [*self._rows.config(facts, number), *records]
        return records


class MarianText(StatementFormat):
    """``Ep. 1 : Up. 100 : Sen. 7,039 : Cost 0.63 : Time ...`` and ``[valid] Ep. 1 : ...``."""

    name: ClassVar[str] = "marian_text"
    title: ClassVar[str] = "Marian log"
    url: ClassVar[str] = "https://marian-nmt.github.io"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming({"Cost": "loss", "gNorm": "grad_norm", "L.r.": "lr"})
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"(?<!\[valid\] ){_PLACE}Sen\. [\d,]{{1,20}} : (?P<rest>Cost [^\n]{{1,300}})"
            ),
            _PAIRS,
        ),
        Pattern("eval", _RESULT, _RESULTS),
        Pattern(
            "config", re.compile(r"\[config\] after-batches: (?P<planned_steps>[1-9]\d{0,11})$")
        ),
        Pattern(
            "config", re.compile(r"\[config\] after-epochs: (?P<planned_epochs>[1-9]\d{0,11})$")
        ),
        Pattern(
            "checkpoint",
            re.compile(
                r"\bSaving model (?:weights and runtime parameters )?to (?P<path>\S{1,400})"
            ),
        ),
        Pattern(
            "resume", re.compile(r"\[training\] Model reloaded from (?P<checkpoint>\S{1,400})")
        ),
        Pattern(
            "end",
            re.compile(r"\bTraining finished\s*$"),
            facts={"reason": "the log says that training finished"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2024-03-01 10:20:30] [config] after-batches: 500
[2024-03-01 10:20:31] Ep. 1 : Up. 100 : Sen. 7,039 : Cost 8.25000000 : Time 49.71s : 10546.62 \
words/s : gNorm 1.2500 : L.r. 3.0000e-05
[2024-03-01 10:20:32] Saving model weights and runtime parameters to toy/model.npz
[2024-03-01 10:20:33] [valid] Ep. 1 : Up. 100 : perplexity : 90.25 : new best
[2024-03-01 10:20:34] [valid] Ep. 1 : Up. 100 : bleu-detok : 1.5 : stalled 2 times (last best: 2.5)
[2024-03-01 10:20:35] Training finished
""",
            (
                Record("config", facts={"planned_steps": 500}, line=1),
                Record(
                    "train",
                    100,
                    0,
                    1709288431.0,
                    {"loss": 8.25, "grad_norm": 1.25, "lr": 3e-5},
                    line=2,
                ),
                Record("checkpoint", facts={"path": "toy/model.npz"}, line=3),
                Record("eval", 100, metrics={"perplexity": 90.25}, line=4),
                Record("eval", 100, metrics={"bleu-detok": 1.5}, line=5),
                Record("end", line=6),
            ),
        ),
        Sample(
            """\
[2024-03-01 10:20:31] Ep. 1 : Up. 100 : Sen. 7,039 : Cost 8.25000000 : Time 49.71s
[2024-03-01 10:20:33] [valid] Ep. 1 : Up. 100 : ce-mean-words : 4.5 : new best
[2024-03-01 10:20:34] [valid] Ep. 1 : Up. 100 : translation : 1.5 : new best
""",
            (
                Record("train", 100, metrics={"loss": 8.25}, line=1),
                Record("eval", 100, metrics={"ce-mean-words": 4.5}, line=2),
                Record(
                    "config",
                    facts={"save_best": "translation", "save_best_direction": "max"},
                    line=3,
                ),
                Record("eval", 100, metrics={"translation": 1.5}, line=3),
            ),
        ),
    )

    def parser(self, file: str) -> MarianParser:
        """Return a fresh parser for a log."""
        return MarianParser(self.patterns, RowReader(file, self.axis(), self.naming), self.naming)

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a result settles it too, for they have a file of their own."""
        return 1.0 if any(_RESULT.search(line) for line in lines) else super().confidence(lines)


FORMAT = MarianText()
