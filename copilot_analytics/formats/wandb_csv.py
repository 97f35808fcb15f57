"""A chart of Weights & Biases as its web page exports it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._table import Heading, TableFormat
from copilot_analytics.formats._table_counters import counters_of
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.formats._rows import Name

_CURVE = re.compile(r"(?P<run>.{1,200}) - (?P<metric>[^ ].{0,200})")
_BAND = re.compile(r"__(?:MIN|MAX)$")


class WandbCsv(TableFormat):
    """A curve for every run, each with its band; what counts the steps comes first."""

    name: ClassVar[str] = "wandb_csv"
    title: ClassVar[str] = "Weights & Biases CSV export"
    url: ClassVar[str] = "https://docs.wandb.ai/guides/app/features/panels/line-plot/"
    smoothing: ClassVar[int | None] = 1

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether the second column is a curve of a run and has a band."""
        if len(names) < 4 or _CURVE.fullmatch(names[1]) is None:
            return False
        return {f"{names[1]}__MIN", f"{names[1]}__MAX"} <= set(names)

    def heading(self, names: Sequence[str]) -> Heading | None:
        """Return what the columns are called; the name of the run is left out if it is alone."""
        if not self.is_header(names):
            return None
        curves = {name: _CURVE.fullmatch(name) for name in names if not _BAND.search(name)}
        runs = {found["run"] for found in curves.values() if found is not None}
        counters = counters_of(names[:1])
        called: list[Name] = [counters.names.get(names[0])]
        for name in names[1:]:
            found = curves.get(name)
            if found is None or found["metric"] == "_step":
                called.append(None)
            else:
                called.append(found["metric"] if len(runs) == 1 else name)
        return Heading(called, self.naming, unit=counters.unit)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            '"Step","calm-sea-1 - train/loss","calm-sea-1 - train/loss__MIN",'
            '"calm-sea-1 - train/loss__MAX"\n'
            '"0","2.5","2.5","2.5"\n"50","1.25","1.25","1.25"\n',
            (
                Record("train", 0, metrics={"train/loss": 2.5}, line=2),
                Record("train", 50, metrics={"train/loss": 1.25}, line=3),
            ),
        ),
        Sample(
            '"epoch","a - val_acc","a - val_acc__MIN","a - val_acc__MAX",'
            '"b - val_acc","b - val_acc__MIN","b - val_acc__MAX"\n'
            "1,0.5,0.5,0.5,0.25,0.25,0.25\n",
            (Record("eval", epoch=1.0, metrics={"a - val_acc": 0.5, "b - val_acc": 0.25}, line=2),),
        ),
    )


FORMAT = WandbCsv()
