"""The training logs of fairseq, in all the forms that its progress bars take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import OUT_OF_PATIENCE, Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Name, Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_EQUAL = re.compile(rf"(?P<key>[A-Za-z]\w{{0,60}})=(?P<number>{NUMBER})(?![\w.])")
_BARS = re.compile(rf"\| (?P<key>[A-Za-z]\w{{0,60}}) (?P<number>{NUMBER})(?=\s|$)")
_JSON = re.compile(rf'"(?P<key>[A-Za-z]\w{{0,60}})": "?(?P<number>{NUMBER})"?(?=[,}}])')
_ARGUMENTS = re.compile(
    r"(?:\bNamespace\(|\{'_name': None, 'common')"
    r"(?=(?:.*?\bmax_update(?:': |=)(?P<planned_steps>[1-9]\d{0,11})[,)}])?)"
    r"(?=(?:.*?\bmax_epoch(?:': |=)(?P<planned_epochs>[1-9]\d{0,11})[,)}])?)"
    r"(?=(?:.*?\bbest_checkpoint_metric(?:': |=)'(?P<save_best>\w{1,60})')?)"
)
_COUNTERS = (
    "wps ups wpb bsz wall train_wall oom ooms clip ntokens nsentences nll_ntokens sample_size "
    "gb_free"
    " epoch loss_scale cuda_gb_allocated cuda_gb_reserved"
).split()
_PREFIXES = ("", "train_", "valid_")
_NAMES: dict[str, Name] = {
    "update": "#progress",
    "train_gnorm": "grad_norm",
    "train_lr": "lr",
    "best": None,  # the best valid_loss so far, in the lines of 2018
}
for _prefix in _PREFIXES:
    _NAMES[f"{_prefix}num_updates"] = "#step"
    _NAMES.update(dict.fromkeys((f"{_prefix}{counter}" for counter in _COUNTERS), None))

_BEST = re.compile(r"[\s\"](?:valid_)?best(?:_(?P<metric>\w{1,60}))?\"?:?\s")


class FairseqParser(StatementParser):
    """Reads lines by patterns; a result tells by its best so far what chooses the checkpoint."""

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        records = list(super().parse(line, number))
        found = _BEST.search(line) if any(record.kind == "eval" for record in records) else None
        if found is None:
            return records
        # In the lines of 2018 it has no name: only the loss could choose then.
        facts = {"save_best": found["metric"] or "loss"}
        return [*self._rows.config(facts, number), *records]


class FairseqText(StatementFormat):
    """``| train_inner | epoch 001: 100 / 500 loss=9.2, ...`` and ``| valid | epoch 001 | ...``.

    An epoch's summary calls its mean loss as the lines in the epoch do; it is ``train_loss`` here,
    as fairseq itself calls it in its JSON lines.
    """

    name: ClassVar[str] = "fairseq_text"
    title: ClassVar[str] = "fairseq log"
    url: ClassVar[str] = "https://github.com/facebookresearch/fairseq"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_NAMES)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?:\| epoch|train_inner \| epoch) (?P<epoch>\d{3,9}):\s{1,9}"
                r"(?P<inner>\d{1,12}) / "
                rf"(?P<inner_of>\d{{1,12}}) (?P<rest>loss={NUMBER}[^\n]{{1,2000}})"
            ),
            _EQUAL,
        ),
        Pattern(
            "train",
            re.compile(r"\[train_inner\]\[INFO\] - (?P<rest>\{\"epoch\": [^\n]{1,4000})"),
            _JSON,
        ),
        Pattern(
            "train",
            re.compile(r"\| train_inner \| (?P<rest>\{\"epoch\": [^\n]{1,4000})"),
            _JSON,
        ),
        Pattern(
            "train",
            re.compile(
                r"(?:\[train\]\[INFO\] - |\| train \| )(?P<rest>\{\"epoch\": [^\n]{1,4000})"
            ),
            _JSON,
        ),
        Pattern(
            "train",
            re.compile(
                r"(?:\| train \| epoch \d{3,9}|\[train\]\[INFO\] - epoch \d{3,9}|^\| epoch "
                r"\d{3,9}) "
                rf"(?P<rest>\| loss {NUMBER} [^\n]{{1,2000}})"
            ),
            _BARS,
            prefix="train_",
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bepoch \d{3,9} \| valid on '[^'\n]{1,80}' subset (?P<rest>\| [^\n]{1,2000})"
            ),
            _BARS,
        ),
        Pattern(
            "eval",
            re.compile(
                r"(?:\[valid\]\[INFO\] - |\| valid \| )(?P<rest>\{\"epoch\": [^\n]{1,4000})"
            ),
            _JSON,
        ),
        Pattern("config", _ARGUMENTS),
        Pattern(
            "checkpoint",
            re.compile(
                r"\b[Ss]aved checkpoint (?P<path>\S{1,400}) \(epoch (?P<epoch>\d{1,9}) @ "
                r"(?P<step>\d{1,12}) updates"
            ),
        ),
        Pattern(
            "resume",
            re.compile(
                r"\b[Ll]oaded checkpoint (?P<checkpoint>\S{1,400}) \(epoch (?P<epoch>\d{1,9}) @ "
                r"(?P<step>\d{1,12}) updates"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"\bearly stop since valid performance hasn't improved"),
            facts=OUT_OF_PATIENCE,
        ),
        Pattern(
            "end",
            re.compile(r"\bdone training in [\d.]{1,20} seconds"),
            facts={"reason": "the log says that training is done"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
2024-03-01 10:20:30 | INFO | fairseq_cli.train | {'_name': None, 'common': {'seed': 1}, \
'max_epoch': 0, 'max_update': 200, 'best_checkpoint_metric': 'loss'}
2024-03-01 10:20:31 | INFO | train_inner | epoch 001:    10 / 20 loss=9.25, nll_loss=8.5, \
ppl=400.25, wps=9000.5, ups=2.5, wpb=3500, bsz=180, num_updates=10, lr=1e-05, gnorm=2.125, \
train_wall=5, wall=9
2024-03-01 10:20:32 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 8.125 | nll_loss \
7.25 | ppl 150.5 | wps 9000 | wpb 300 | bsz 18 | num_updates 20
2024-03-01 10:20:33 | INFO | fairseq.checkpoint_utils | Saved checkpoint toy/checkpoint1.pt \
(epoch 1 @ 20 updates, score 8.125) (writing took 1.5 seconds)
2024-03-01 10:20:34 | INFO | train | epoch 001 | loss 8.75 | nll_loss 8.25 | ppl 300.5 | wps \
9000 | ups 2 | wpb 3500 | bsz 180 | num_updates 20 | lr 2e-05 | gnorm 2.5 | train_wall 9 | wall 12
2024-03-01 10:20:35 | INFO | fairseq_cli.train | done training in 12.5 seconds
""",
            (
                Record("config", facts={"planned_steps": 200, "save_best": "loss"}, line=1),
                Record("config", facts={"steps_per_epoch": 20}, line=2),
                Record("train", 10, 0.5, metrics={"loss": 9.25, "lr": 1e-5}, line=2),
                Record("eval", 20, metrics={"loss": 8.125, "ppl": 150.5}, line=3),
                Record("checkpoint", 20, 1, facts={"step": 20, "epoch": 1}, line=4),
                Record("train", 20, metrics={"train_loss": 8.75, "grad_norm": 2.5}, line=5),
                Record("end", line=6),
            ),
        ),
        Sample(
            """\
[2024-03-01 10:20:31,500][train_inner][INFO] - {"epoch": 1, "update": 0.5, "loss": "9.25", \
"accuracy": "0.25", "wps": "9000.1", "num_updates": "10", "lr": "1e-05", "gnorm": "2.125"}
[2024-03-01 10:20:32,500][valid][INFO] - {"epoch": 1, "valid_loss": "8.125", "valid_wps": \
"9000", "valid_num_updates": "20", "valid_best_loss": "8.125"}
[2024-03-01 10:20:33,500][train][INFO] - {"epoch": 1, "train_loss": "8.75", "train_num_updates": \
"20", "train_lr": "2e-05", "train_wall": "12"}
""",
            (
                Record("train", 10, 0.5, metrics={"loss": 9.25, "grad_norm": 2.125}, line=1),
                Record("config", facts={"save_best": "loss"}, line=2),
                Record("eval", 20, metrics={"valid_loss": 8.125}, line=2),
                Record("train", 20, metrics={"train_loss": 8.75, "lr": 2e-5}, line=3),
            ),
        ),
        Sample(
            """\
| epoch 001:     10 / 20 loss=9.250, nll_loss=8.500, ppl=400.25, wps=9000, num_updates=10, \
lr=1e-05, gnorm=2.125, clip=0.000, oom=0.000, wall=9
| epoch 001 | loss 8.750 | nll_loss 8.250 | ppl 300.50 | num_updates 20 | lr 2e-05 | gnorm 2.500
| epoch 001 | valid on 'valid' subset | loss 8.125 | nll_loss 7.250 | ppl 150.50 | num_updates 20 \
| best 8.125
""",
            (
                Record("config", facts={"steps_per_epoch": 20}, line=1),
                Record("train", 10, 0.5, metrics={"loss": 9.25, "lr": 1e-5}, line=1),
                Record("train", 20, metrics={"train_loss": 8.75}, line=2),
                Record("config", facts={"save_best": "loss"}, line=3),
                Record("eval", 20, metrics={"loss": 8.125}, line=3),
            ),
        ),
    )

    def parser(self, file: str) -> FairseqParser:
        """Return a fresh parser for a log."""
        return FairseqParser(self.patterns, RowReader(file, self.axis(), self.naming), self.naming)


FORMAT = FairseqText()
