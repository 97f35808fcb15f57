"""The console of ParlAI: a line that says where training is, and a table or a dict below or behind.

The tables are wrapped where the terminal ends, into pairs of a header and a row; with several tasks
each has a row, and the one of ``all`` counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LONGEST_LINE, Field, LineParser, LogFormat, Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Name, Naming, RowReader
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.formats._splits import Split
    from copilot_analytics.records import Floats, Ints, Item

_PLACE = re.compile(
    r"(?:^|\| |\] )(?:\[ )?time:(?P<time>\d{1,12}(?:\.\d{1,9})?)s total_exs:(?P<sample>\d{1,15})"
    r"(?: total_steps:(?P<step>\d{1,12}))?(?: epochs:(?P<progress>\d{1,9}(?:\.\d{1,9})?))?"
    r"(?: time_left:(?P<eta>\d{1,12}(?:\.\d{1,9})?)s)?(?: \])?\s?(?P<rest>\{.{0,8000})?$"
)
_RESULT = re.compile(r"(?:^|\| |\] )(?P<split>valid|test):\s?(?P<rest>\{.{0,8000})?$")
_STAMPED = re.compile(r"^(?:\[rank:\s{0,3}\d{1,5}\] )?(?:\d\d:\d\d:\d\d \| |\[ )")
_OTHER_RANK = re.compile(r"^(?:\d\d:\d\d:\d\d \| )?\[rank:\s{0,3}[1-9]")
_PAIRS = re.compile(rf"'(?P<key>[^']{{1,80}})': (?P<number>{NUMBER})(?=[,}}])")
_BEST = re.compile(r"new best (?P<name>[\w@/.-]{1,60}): ")
_PLANNED = re.compile(
    r"\|\s{1,8}(?P<name>num_epochs|max_train_steps): (?P<number>\d{1,12}(?:\.\d)?)$"
)
_CELL = re.compile(rf"{NUMBER}")
_FACTS = {"num_epochs": "planned_epochs", "max_train_steps": "planned_steps"}
_UPDATES = ("total_train_updates", "num_updates")
_NAMES: dict[str, Name] = {
    **dict.fromkeys(
        """exs exps clen ctpb ctps ctrunc ctrunclen llen ltpb ltps ltrunc ltrunclen tpb tps ups clip
        updates num_updates total_train_updates gpu_mem gpu_mem_percent tokens_per_batch size
        unclip cps bps""".split()
    ),
    "gnorm": "grad_norm",
}


class ParlaiParser(LineParser):
    """Gathers what stands below a place or the name of a split until the next line of the log."""

    def __init__(self, file: str) -> None:
        self._rows = RowReader(file, Axis(), Naming(_NAMES))
        self._place: dict[str, float] = {}  # of the last line that said it
        self._split: Split | None = None  # of the numbers that are gathered
        self._numbers: dict[str, float] = {}
        self._line = 0
        self._header: list[str] | None = None

    def fields(self, line: str) -> Sequence[Field] | None:
        """Return None: a row means what the lines above it say."""
        return None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn rows into blocks."""
        return self._rows.rows(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a place, the name of a split, a part of a table, or another line."""
        if len(line) > LONGEST_LINE or _OTHER_RANK.match(line):
            return ()
        place, result = _PLACE.search(line), _RESULT.search(line)
        if place is None and result is None and not _STAMPED.match(line):
            if self._split is not None and line.strip():
                self._cells(line.split())
                return ()
            return list(self._tell())
        told = list(self._tell())
        if place is not None:
            self._stand(place)
        found = place or result
        if found is not None:
            self._line = number
            self._split = (
                "train" if result is None else "val" if result["split"] == "valid" else "test"
            )
            self._numbers = {
                pair["key"]: float(pair["number"]) for pair in _PAIRS.finditer(found["rest"] or "")
            }
            return [*told, *(self._tell() if found["rest"] else ())]
        return [*told, *self._statement(line, number)]

    def close(self) -> Iterable[Record]:
        """Tell what was gathered last."""
        return list(self._tell())

    def _stand(self, place: re.Match[str]) -> None:
        said = {
            name: float(text) for name, text in place.groupdict().items() if text and name != "rest"
        }
        names = {"time": "#time_s", "step": "#step", "progress": "#progress", "eta": "#eta_s"}
        self._place = {names.get(name, name): value for name, value in said.items()}

    def _cells(self, cells: list[str]) -> None:
        """Take a header or a row of a table; a row begins with its task if there are several."""
        values = [cell for cell in cells if _CELL.fullmatch(cell)]
        if not values:
            self._header = cells
            return
        header = self._header or []
        label = cells[0] if len(cells) == len(header) + 1 else "all"
        if label != "all" or len(values) < len(header):
            return
        for name, value in zip(header, values[-len(header) :], strict=True):
            self._numbers.setdefault(name, float(value))

    def _tell(self) -> Iterator[Record]:
        """Yield what was gathered."""
        split, numbers = self._split, self._numbers
        self._split, self._numbers, self._header = None, {}, None
        if split is None or not numbers:
            return
        place = dict(self._place)
        samples = place.pop("sample", None)
        updates = next((numbers[name] for name in _UPDATES if name in numbers), None)
        if updates is not None and ("#step" not in place or split != "train"):
            place["#step"] = updates
        if "#step" not in place and samples is not None:
            place["#step"] = samples
            yield from self._rows.config({"step_unit": "sample"}, self._line)
        if split == "train":
            columns = {name: np.array([number]) for name, number in {**place, **numbers}.items()}
            yield from records_of(self._rows.rows(columns, np.array([self._line])))
            return
        place.pop("#eta_s", None)
        kept = {n: v for n, v in numbers.items() if n not in {"lr", "gnorm"}}
        yield from self._rows.evaluation({**place, **kept}, self._line, split)

    def _statement(self, line: str, number: int) -> Iterator[Record]:
        """Read the plan in the options, and by what the best model is chosen."""
        planned, best = _PLANNED.search(line), _BEST.search(line)
        if planned is not None and float(planned["number"]) > 0:
            facts: dict[str, Any] = {_FACTS[planned["name"]]: int(float(planned["number"]))}
            yield from self._rows.config(facts, number)
        if best is not None:
            yield from self._rows.config({"save_best": best["name"]}, number)


class ParlaiText(LogFormat):
    """``10:00:10 | time:10s total_exs:336 total_steps:21 epochs:0.01`` and a table below."""

    name: ClassVar[str] = "parlai_text"
    title: ClassVar[str] = "ParlAI console"
    url: ClassVar[str] = "https://parl.ai/docs/tutorial_metrics.html"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
10:00:00 |     num_epochs: 2.0
10:00:10 | time:10s total_exs:80 total_steps:10 epochs:0.50 time_left:30s
    clen  exps  gnorm  loss
   59.61  33.5   1.25   2.5
    lr   ppl  token_acc  ups
  1e-3  12.0      .4000  2.1

10:00:10 | running eval: valid
10:00:12 | eval completed in 2.00s
10:00:12 | valid:
    accuracy  loss        lr   ppl  total_train_updates
all    .5000  2.25  1.00e-03   9.5                   10
toy    .2500  2.50  1.00e-03  12.0                   10

10:00:12 | new best ppl: 9.5
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=1),
                Record(
                    "train",
                    10,
                    0.5,
                    10.0,
                    {"grad_norm": 1.25, "loss": 2.5, "lr": 1e-3, "ppl": 12.0, "token_acc": 0.4},
                    line=2,
                ),
                Record(
                    "eval",
                    10,
                    0.5,
                    10.0,
                    {"accuracy": 0.5, "loss": 2.25, "ppl": 9.5},
                    {"split": "val"},
                    line=10,
                ),
                Record("config", facts={"save_best": "ppl"}, line=15),
            ),
        ),
        Sample(
            """\
[ training... ]
[ time:2.0s total_exs:64 epochs:0.5 time_left:24.0s ] {'exs': 64, 'lr': 1, 'num_updates': 8, \
'gnorm': 1.5, 'loss': 12.5, 'ppl': 3.5}
[ time:4.0s total_exs:128 epochs:1.0 ] {'exs': 64, 'loss': 11.5, 'num_updates': 16}
[ running eval: valid ]
valid:{'exs': 10, 'accuracy': 0.25, 'lr': 1, 'num_updates': 16, 'loss': 9.5}
[ new best accuracy: 0.25 ]
""",
            (
                Record(
                    "train",
                    8,
                    0.5,
                    2.0,
                    {"lr": 1.0, "grad_norm": 1.5, "loss": 12.5, "ppl": 3.5, "eta_s": 24.0},
                    line=2,
                ),
                Record("train", 16, 1.0, 4.0, {"loss": 11.5}, line=3),
                Record("eval", 16, 1.0, 4.0, {"accuracy": 0.25, "loss": 9.5}, line=5),
                Record("config", facts={"save_best": "accuracy"}, line=6),
            ),
        ),
        Sample(
            "[ time:6s total_exs:192 ] {'exs': 64, 'train_loss': 10.5}\n",
            (
                Record("config", facts={"step_unit": "sample"}, line=1),
                Record("train", 192, time=6.0, metrics={"train_loss": 10.5}, line=1),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: no other trainer counts so."""
        return 1.0 if any(_PLACE.search(line[:9000]) for line in lines) else 0.0

    def parser(self, file: str) -> ParlaiParser:
        """Return a fresh parser for a log."""
        return ParlaiParser(file)


FORMAT = ParlaiText()
