"""Tables that grow by rows: fastai, skorch, Chainer, spaCy, scikit-learn's boosting.

The header names the columns. fastai and skorch fill every cell, so that cells are told by blanks;
Chainer leaves cells blank, and tells them by where they stand below the header.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._home_line_kinds import end_of, says_the_end
from copilot_analytics.formats._line_by_line import LineByLine, one_row
from copilot_analytics.formats._numbers import IS_NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._splits import split_of
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"^\s{0,9}(?:epoch|Iter|E)\s{2,}[A-Za-z_#].*\S\s*$")
_FASTAI = re.compile(r"^\s{0,9}epoch\s{2,}train_loss\s{2,}(?:valid_loss|time)")
_SKORCH = re.compile(r"^\s{0,9}epoch\s{2,}.*\btrain_loss\s{2,}.*\bdur\s*$")
_CHAINER = re.compile(r"^\s{0,9}epoch\s{2,}.*\bmain/loss\b")
_SKLEARN = re.compile(r"^\s{0,9}Iter\s{2,}Train Loss\s{2,}.*\bRemaining Time\s*$")
_SPACY = re.compile(r"^\s{0,9}E\s{2,}#\s{2,}.*\bSCORE\s*$")
_SPACY_SAVED = re.compile(r"^\W{0,20}Saved pipeline to output directory")
# What fastprogress draws between the rows of fastai, where no notebook shows it.
_DRAWN = re.compile(r"^\s{0,9}Epoch \d{1,7}/(?P<planned_epochs>\d{1,7}) :")
_LONGEST_HEADER = 4000  # 200 columns; each name that comes again costs a search of the rest
_COUNTERS = frozenset({"epoch", "Iter", "E"})
_COLUMN = re.compile(r"\S+(?: \S+)*")
_NAMES = {
    "epoch": "#epoch",
    "Iter": "#step",
    "E": "#epoch",
    "Remaining Time": None,
    "iteration": "#step",
    "main/loss": "loss",
    **dict.fromkeys("time dur elapsed_time cp".split()),
}


class ConsoleTableParser(LineByLine):
    """Reads rows below a header."""

    def __init__(self, file: str) -> None:
        super().__init__(file, Axis(), Naming(_NAMES))
        self._columns: list[tuple[str, int]] = []
        self._is_fastai = self._is_spacy = self._is_aligned = False

    def see(self, line: str, number: int) -> Iterator[Record]:
        """Take one line."""
        if _is_header(line):
            self._columns = [(found[0], found.start()) for found in _COLUMN.finditer(line)]
            self._is_fastai = bool(_FASTAI.search(line))
            self._is_spacy = bool(_SPACY.search(line))
            self._is_aligned = bool(_CHAINER.search(line))
            if _SKLEARN.search(line):
                self.rows.axis.facts["step_unit"] = "tree"
            return
        if self._is_fastai and (drawn := _DRAWN.match(line)) is not None:
            yield from self.rows.config({"planned_epochs": int(drawn["planned_epochs"])}, number)
            return
        cells = self._cells(line.rstrip()) if self._columns else {}
        row: dict[str, float] = {}
        for name, cell in cells.items():
            if IS_NUMBER.fullmatch(cell):
                row[name] = float(cell)
        if not _COUNTERS & row.keys() or len(row) < 2:
            if self._columns and (_SPACY_SAVED.search(line) or says_the_end(line)):
                yield self.rows.record("end", number, facts=end_of(line))
            return
        yield from self._said(row, number)

    def _cells(self, line: str) -> dict[str, str]:
        """Return the cells of a row by column; empty if it is none."""
        words = line.split()
        if not words or not words[0].isdigit():
            return {}
        names = [name for name, _ in self._columns]
        if not self._is_aligned:
            kept = [word for word in words if word != "+"]
            is_row = len(kept) in {len(names), len(names) - ("cp" in names)}
            return dict(zip([n for n in names if n != "cp"], kept, strict=False)) if is_row else {}
        bounds = [start for _, start in self._columns[1:]]
        starts = [0, *bounds]
        ends = [*bounds, len(line)]
        return {
            name: line[start:end].strip()
            for name, start, end in zip(names, starts, ends, strict=True)
        }

    def _said(self, row: dict[str, float], number: int) -> Iterator[Record]:
        """Say a row; what fastai names neither train nor valid was measured on the latter."""
        if self._is_spacy:
            places = {"E": row["E"], "iteration": row["#"]}
            losses = {name: value for name, value in row.items() if name.startswith("LOSS")}
            others = {*losses, "E", "#", "SPEED"}
            judged = {name: value for name, value in row.items() if name not in others}
            yield from one_row(self.rows, {**places, **losses}, number)
            yield from self.rows.evaluation({**places, **judged}, number)
            return
        if not self._is_fastai:
            yield from one_row(self.rows, row, number)
            return
        places = {"epoch": row["epoch"]}
        train = {name: value for name, value in row.items() if split_of(name) == "train"}
        result = {name: value for name, value in row.items() if name not in {*train, "epoch"}}
        if train:
            yield from one_row(self.rows, {**places, **train}, number)
        if result:
            yield from self.rows.evaluation({**places, **result}, number)


class ConsoleTable(LogFormat):
    """A header, and a row for every epoch or report."""

    name: ClassVar[str] = "console_table"
    title: ClassVar[str] = "table of fastai, skorch, Chainer, spaCy or scikit-learn"
    url: ClassVar[str] = "https://docs.fast.ai"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
█
epoch     train_loss  valid_loss  accuracy  time
█
Epoch 1/2 : |----------------------------------------| 0.00% [0/8 00:00<?]
Epoch 1/2 : |██████████------------------------------| 25.00% [2/8 00:00<00:00 0.7500]
0         0.750000    0.625000    0.500000  00:01
Epoch 2/2 : |████████████████████--------------------| 50.00% [4/8 00:00<00:00 0.5000]
1         0.500000    0.375000    0.750000  00:01
""",
            (
                Record("config", facts={"planned_epochs": 2}, line=4),
                Record("config", facts={"step_unit": "epoch"}, line=6),
                Record("train", 1, 1.0, metrics={"train_loss": 0.75}, line=6),
                Record("eval", 1, 1.0, metrics={"valid_loss": 0.625, "accuracy": 0.5}, line=6),
                Record("train", 2, 2.0, metrics={"train_loss": 0.5}, line=8),
                Record("eval", 2, 2.0, metrics={"valid_loss": 0.375, "accuracy": 0.75}, line=8),
            ),
        ),
        Sample(
            """\
epoch     train_loss  valid_loss  accuracy  time
0         0.750000    0.500000    0.250000  00:12
1         0.500000    0.375000    0.625000  00:12
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=2),
                Record("train", 1, 1.0, metrics={"train_loss": 0.75}, line=2),
                Record("eval", 1, 1.0, metrics={"valid_loss": 0.5, "accuracy": 0.25}, line=2),
                Record("train", 2, 2.0, metrics={"train_loss": 0.5}, line=3),
                Record("eval", 2, 2.0, metrics={"valid_loss": 0.375}, line=3),
            ),
        ),
        Sample(
            """\
  epoch    train_loss    valid_acc    valid_loss    cp     dur
-------  ------------  -----------  ------------  ----  ------
      1        0.7500       0.2500        0.5000     +  0.1250
      2        0.5000       0.2500        0.6250        0.1250
Stopping since valid_loss has not improved in the last 1 epochs.
""",
            (
                Record("config", facts={"step_unit": "epoch"}, line=3),
                Record("train", 1, 1.0, metrics={"train_loss": 0.75}, line=3),
                Record("eval", 1, 1.0, metrics={"valid_loss": 0.5, "valid_acc": 0.25}, line=3),
                Record("train", 2, 2.0, metrics={"train_loss": 0.5}, line=4),
                Record("eval", 2, 2.0, metrics={"valid_loss": 0.625}, line=4),
                Record(
                    "end",
                    facts={
                        "reason": (
                            "Stopping since valid_loss has not improved in the last 1 epochs."
                        ),
                        "stopped_early": True,
                    },
                    line=5,
                ),
            ),
        ),
        Sample(
            """\
E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SPEED   SCORE
---  ------  ------------  --------  ------  ------  ------
  0       0          7.50     62.50   12.50  900.25    0.12
  1     200         50.25    125.50   75.50  901.50    0.75
✔ Saved pipeline to output directory
""",
            (
                Record("train", 0, 0.0, metrics={"LOSS TOK2VEC": 7.5, "LOSS NER": 62.5}, line=3),
                Record("eval", 0, metrics={"ENTS_F": 12.5, "SCORE": 0.12}, line=3),
                Record("train", 200, 1.0, metrics={"LOSS NER": 125.5}, line=4),
                Record("eval", 200, metrics={"ENTS_F": 75.5, "SCORE": 0.75}, line=4),
                Record("end", facts={"reason": "✔ Saved pipeline to output directory"}, line=5),
            ),
        ),
        Sample(
            """\
      Iter       Train Loss   Remaining Time
         1           1.2500            6.50s
         2           0.7500            4.25s
""",
            (
                Record("config", facts={"step_unit": "tree"}, line=2),
                Record("train", 1, metrics={"Train Loss": 1.25}, line=2),
                Record("train", 2, metrics={"Train Loss": 0.75}, line=3),
            ),
        ),
        Sample(
            """\
epoch       iteration   main/loss   validation/main/loss  main/accuracy
1           100         0.75                              0.25
1           200         0.5         0.625                 0.5
""",
            (
                Record("train", 100, metrics={"loss": 0.75, "main/accuracy": 0.25}, line=2),
                Record("train", 200, metrics={"loss": 0.5}, line=3),
                Record("eval", 200, metrics={"validation/main/loss": 0.625}, line=3),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: such a header, with a row below it, settles it."""
        header = False
        for line in lines:
            if header and _COLUMN.findall(line)[:1] and line.split()[0].isdigit():
                return 1.0
            drawn = set(line.strip()) <= set("- =█") or _DRAWN.match(line)
            header = _is_header(line) or bool(header and drawn)
        return 0.0

    def parser(self, file: str) -> ConsoleTableParser:
        """Return a fresh parser for a log."""
        return ConsoleTableParser(file)


def _is_header(line: str) -> bool:
    return bool(
        len(line) <= _LONGEST_HEADER
        and _HEADER.search(line)
        and any(of.search(line) for of in (_FASTAI, _SKORCH, _CHAINER, _SKLEARN, _SPACY))
    )


FORMAT = ConsoleTable()
