"""The console logs of fairseq, in each of its ways: bars, ``simple`` and ``json``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._base import Field, LineParser, Sample
from copilot_analytics.formats._json_rows import number_in
from copilot_analytics.formats._json_text import JsonTextFormat, records_of
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._stamps import find_stamp
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot_analytics.formats._base import Json
    from copilot_analytics.records import Floats, Ints, Item, Kind

LONGEST_LINE = 100_000  # the whole configuration stands on one line

_KIND = r"(?:train_inner|train|[a-z_]{0,20}valid[a-z_]{0,20})"
_JSON = re.compile(rf"(?:\[{_KIND}\]\[INFO\] - |\| INFO \| {_KIND} \| )(?=\{{)")
_INNER = re.compile(
    r"(?:^|\| )epoch (?P<epoch>\d{1,6}):\s{1,8}(?P<inner>\d{1,9}) / (?P<of>\d{1,9}) "
)
_SUMMARY = re.compile(
    r"(?:^|\| )epoch (?P<epoch>\d{1,6}) \| "
    r"(?P<valid>valid on '(?P<subset>[^']{1,60})' subset \| )?(?!valid on )(?P<rest>.*)"
)
_PAIR = re.compile(rf"(?P<key>[A-Za-z_][\w@.-]{{0,60}})[= ](?P<number>{NUMBER})(?![\w.])")
_FACTS = (
    ("planned_steps", re.compile(r"\bmax_update'?[:=] ?(\d{1,12})\b")),
    ("planned_epochs", re.compile(r"\bmax_epoch'?[:=] ?(\d{1,9})\b")),
    ("seed", re.compile(r"\bseed'?[:=] ?(\d{1,12})\b")),
    ("log_interval", re.compile(r"\blog_interval'?[:=] ?(\d{1,9})\b")),
)
_BEST = re.compile(r"\bbest_checkpoint_metric'?[:=] ?'?(\w{1,60})")
_MAXIMIZE = re.compile(r"\bmaximize_best_checkpoint_metric'?[:=] ?(True|False)\b")
_CHECKPOINT = (
    r"checkpoint (?P<path>\S{1,400}) \(epoch (?P<epoch>\d{1,6}) @ (?P<step>\d{1,12}) updates\b"
)
_SAVED = re.compile(rf"[Ss]aved {_CHECKPOINT}")
_LOADED = re.compile(rf"[Ll]oaded {_CHECKPOINT}")
_DONE = re.compile(r"(?:^|[|\]] ?-? ?)done training in \d")

_NAMING = Naming(
    {
        "num_updates": "#step",
        "train_num_updates": "#step",
        "valid_num_updates": "#step",
        "update": "#progress",
        "epoch": None,
        "gnorm": "grad_norm",
        "train_gnorm": "grad_norm",
        "train_lr": "lr",
        **dict.fromkeys(
            "train_wall wall gb_free ntokens nsentences wps ups wpb bsz best_loss cuda_gb_allocated"
            " cuda_gb_reserved cuda_gb_free oom".split()
        ),
    }
)
_NO_METRICS = re.compile(
    r"(?:train|valid)_(?:ntokens|nsentences|wps|ups|wpb|bsz|wall|train_wall|gb_free|best_\w+)"
)


class FairseqParser(LineParser):
    """Reads a log of fairseq."""

    def __init__(self, file: str, form: FairseqText) -> None:
        self._form = form
        self._rows = RowReader(file, form.axis(), _NAMING)
        self._told = False

    def fields(self, line: str) -> Sequence[Field] | None:
        """Tell where the numbers of a line within an epoch stand, if it is no JSON."""
        if len(line) > LONGEST_LINE:
            return None
        stamp = find_stamp(line)
        found = _INNER.search(line, stamp.message)
        if found is None:
            return None
        fields = {
            "#epoch": Field("#epoch", *found.span("epoch")),
            "#inner": Field("#inner", *found.span("inner")),
            "#inner_of": Field("#inner_of", *found.span("of")),
        }
        for pair in _PAIR.finditer(line, found.end()):
            fields.setdefault(pair["key"], Field(pair["key"], *pair.span("number")))
        metrics = [key for key in fields if _is_metric(key)]
        return [*stamp.fields, *fields.values()] if metrics else None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn the numbers of such lines into blocks."""
        columns = dict(columns)
        if "num_updates" in columns:
            inner, of = columns.pop("#inner"), columns.pop("#inner_of")
            columns["#progress"] = columns.pop("#epoch") - 1 + inner / np.maximum(of, 1)
        return self._rows.rows(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read the summary of an epoch, a result, an object, or what is stated of the run."""
        if len(line) > LONGEST_LINE:
            return ()
        stamp = find_stamp(line)
        time = {part.name: float(line[part.start : part.end]) for part in stamp.fields}
        statement = self._form.object_in(line)
        if statement is not None:
            return list(records_of(self._form.read(statement, time, number, self._rows)))
        found = _SUMMARY.search(line, stamp.message)
        if found is not None:
            subset = "" if found["subset"] in {None, "valid"} else f"{found['subset']}_"
            start = f"valid_{subset}" if found["valid"] else "train_"
            numbers = {pair["key"]: pair["number"] for pair in _PAIR.finditer(found["rest"])}
            told = {
                key if key == "num_updates" else start + key.removeprefix("valid_"): one
                for key, one in numbers.items()
                if _NAMING.of(key) is not None
            }
            said = {**told, "epoch": found["epoch"]} if numbers else {}
            return list(records_of(self._form.read(said, time, number, self._rows)))
        return list(self._stated(line, number, time))

    def _stated(self, line: str, number: int, time: Mapping[str, float]) -> Iterable[Record]:
        at = self._rows.time_of(time) if time else None
        if not self._told and "max_update" in line and "max_epoch" in line:
            self._told = True
            facts: dict[str, Any] = {"framework": "fairseq"}
            for fact, pattern in _FACTS:
                count = pattern.search(line)
                if count is not None and int(count[1]) > 0:
                    facts[fact] = int(count[1])
            best, most = _BEST.search(line), _MAXIMIZE.search(line)
            if best is not None and most is not None:
                facts["save_best"] = f"valid_{best[1]}"
                facts["save_best_direction"] = "max" if most[1] == "True" else "min"
            yield from self._rows.config(facts, number, at)
        saved, loaded = _SAVED.search(line), _LOADED.search(line)
        found = saved or loaded
        if found is not None:
            facts = {"step": int(found["step"]), "epoch": int(found["epoch"])}
            facts["path" if saved else "checkpoint"] = found["path"]
            kind: Kind = "checkpoint" if saved else "resume"
            yield self._rows.record(kind, number, at, facts["step"], facts=facts)
        if _DONE.search(line):
            yield self._rows.record("end", number, at, facts={"reason": "fairseq says it is done"})


class FairseqText(JsonTextFormat):
    """Losses within an epoch, and summaries of an epoch that count updates themselves."""

    name: ClassVar[str] = "fairseq_text"
    title: ClassVar[str] = "fairseq log"
    url: ClassVar[str] = "https://github.com/facebookresearch/fairseq"
    smoothing: ClassVar[int | None] = None
    before: ClassVar[re.Pattern[str]] = _JSON
    naming: ClassVar[Naming] = _NAMING

    def is_own(self, statement: Json) -> bool:
        """Tell whether an object counts updates."""
        return any(key.endswith("num_updates") for key in statement)

    def read(
        self, statement: Json, time: Mapping[str, float], number: int, rows: RowReader
    ) -> Iterable[Item]:
        """Read the numbers of an object or of a summary."""
        told = {key: number_in(held) for key, held in statement.items()}
        epoch = told.get("epoch")
        numbers = {
            key: one
            for key, one in told.items()
            if one is not None and not _NO_METRICS.fullmatch(key)
        }
        if not any(map(_is_metric, numbers)):
            return
        if "update" not in numbers and epoch is not None:
            numbers["#progress"] = epoch  # a summary stands at the end of its epoch
        columns = {key: np.array([one]) for key, one in {**time, **numbers}.items()}
        yield from rows.rows(columns, np.array([number]))

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: an object, or a line of its classic shape that counts updates."""
        if super().confidence(lines) == 1.0 or any(map(_is_classic, lines)):
            return 1.0
        return 0.0

    def parser(self, file: str) -> LineParser:
        """Return a fresh parser for a log."""
        return FairseqParser(file, self)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
[2022-01-02 10:00:00,500][fairseq_cli.train][INFO] - {'common': {'seed': 7}, 'optimization': \
{'max_epoch': 0, 'max_update': 400, 'best_checkpoint_metric': 'loss', \
'maximize_best_checkpoint_metric': False}}
[2022-01-02 10:01:00,000][train_inner][INFO] - {"epoch": 1, "update": 0.5, "loss": "2.5", \
"wps": "10.5", "num_updates": "20", "lr": "0.001", "gnorm": "0.5", "wall": "60"}
[2022-01-02 10:02:00,000][valid][INFO] - {"epoch": 1, "valid_loss": "2.25", "valid_wps": "9.5", \
"valid_num_updates": "40", "valid_best_loss": "2.25"}
[2022-01-02 10:02:10,000][train][INFO] - {"epoch": 1, "train_loss": "2.75", \
"train_num_updates": "40", "train_wall": "100"}
""",
            (
                Record(
                    "config",
                    facts={
                        "framework": "fairseq",
                        "planned_steps": 400,
                        "seed": 7,
                        "save_best": "valid_loss",
                        "save_best_direction": "min",
                    },
                    line=1,
                ),
                Record("train", 20, 0.5, metrics={"loss": 2.5, "grad_norm": 0.5}, line=2),
                Record("eval", 40, 1.0, None, {"valid_loss": 2.25}, {"split": "val"}, 3),
                Record("train", 40, 1.0, metrics={"train_loss": 2.75}, line=4),
            ),
        ),
        Sample(
            """\
| INFO | train_inner | epoch 002:     10 / 40 loss=5.25, ppl=38.05, \
wps=10.5, num_updates=50, lr=0.002, gnorm=0.75, train_wall=60
2020-05-05 12:01:00 | INFO | valid | epoch 002 | valid on 'valid' subset | loss 5 | ppl 32 | \
wps 9.5 | num_updates 80 | best_loss 5
2020-05-05 12:01:01 | INFO | fairseq.checkpoint_utils | saved checkpoint out/best.pt \
(epoch 2 @ 80 updates, score 5.0) (writing took 1.5 seconds)
2020-05-05 12:01:02 | INFO | train | epoch 002 | loss 5.5 | ppl 45.25 | num_updates 80 | lr 0.002
2020-05-05 12:01:03 | INFO | fairseq_cli.train | done training in 125.5 seconds
""",
            (
                Record("train", 50, 1.25, metrics={"loss": 5.25, "ppl": 38.05}, line=1),
                Record("eval", 80, 2.0, None, {"valid_loss": 5.0, "valid_ppl": 32.0}, {}, 2),
                Record("checkpoint", 80, facts={"path": "out/best.pt", "epoch": 2}, line=3),
                Record("train", 80, 2.0, metrics={"train_loss": 5.5}, line=4),
                Record("end", line=5),
            ),
        ),
        Sample(
            """\
| epoch 001:     10 / 40 loss=9.25, nll_loss=9, ppl=512, wps=10, num_updates=10, lr=0.001
| epoch 001 | valid on 'valid' subset | loss 8.5 | nll_loss 8.25 | ppl 304.5 | num_updates 40
""",
            (
                Record("train", 10, 0.25, metrics={"loss": 9.25, "nll_loss": 9.0}, line=1),
                Record("eval", 40, 1.0, None, {"valid_loss": 8.5}, {"split": "val"}, 2),
            ),
        ),
    )


def _is_metric(key: str) -> bool:
    name = _NAMING.of(key)
    is_place = key[0] == "#" or name is None or str(name).startswith("#")
    return not is_place and not _NO_METRICS.fullmatch(key)


def _is_classic(line: str) -> bool:
    if len(line) > LONGEST_LINE or " epoch " not in f" {line[:200]}":
        return False
    found = _SUMMARY.search(line) or _INNER.search(line)
    return found is not None and re.search(r"\bnum_updates[= ]\d", line) is not None


FORMAT = FairseqText()
