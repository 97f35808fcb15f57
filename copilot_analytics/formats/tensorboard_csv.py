"""One scalar as TensorBoard's web page exports it: ``Wall time,Step,Value``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._table import Heading, TableFormat, TableParser, named
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = re.compile(r"(?:^|[/\\])run-(?P<run>[^/\\]*?)-tag-(?P<tag>[^/\\]+?)(?: ?\(\d+\))?\.csv$")


class TensorBoardCsv(TableFormat):
    """The name of the file tells the tag."""

    name: ClassVar[str] = "tensorboard_csv"
    title: ClassVar[str] = "TensorBoard CSV export"
    url: ClassVar[str] = "https://www.tensorflow.org/tensorboard/get_started"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"Wall time": "#time_s", "Step": "#step"})

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether these are the three columns of the export."""
        return set(names) == {"Wall time", "Step", "Value"}

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        naming = Naming({**self.naming.names, "Value": scalar_of(file)})
        return TableParser(RowReader(file, Axis(), naming), _Headings(self, naming))

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "Wall time,Step,Value\n1700000000.5,10,0.75\n1700000060.5,20,0.5\n",
            (
                Record("train", 10, time=1700000000.5, metrics={"value": 0.75}, line=2),
                Record("train", 20, time=1700000060.5, metrics={"value": 0.5}, line=3),
            ),
        ),
    )


class _Headings:
    """What the columns are called in one file; a class, so that it can be pickled."""

    def __init__(self, form: TensorBoardCsv, naming: Naming) -> None:
        self._form = form
        self._naming = naming

    def __call__(self, names: Sequence[str]) -> Heading | None:
        if not self._form.is_header(names):
            return None
        return Heading(named(names, self._naming), self._naming)


def scalar_of(file: str) -> str:
    """Return the scalar that the name of an exported file tells, with the split of its run.

    Examples
    --------
    >>> scalar_of("run-validation-tag-epoch_loss.csv"), scalar_of("run-.-tag-val_acc.csv")
    ('validation/epoch_loss', 'val_acc')
    >>> scalar_of("scalars.csv")
    'value'
    """
    found = _FILE.search(file)
    if found is None:
        return "value"
    tag, run = found["tag"], found["run"]
    return tag if split_of(tag) or not split_of(run) else f"{run}/{tag}"


FORMAT = TensorBoardCsv()
