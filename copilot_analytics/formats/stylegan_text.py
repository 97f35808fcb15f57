"""The console log of StyleGAN, versions 1 to 3."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record


class StyleGanText(StatementFormat):
    """Ticks without losses, in thousands of images, and metrics as JSON between them."""

    name: ClassVar[str] = "stylegan_text"
    title: ClassVar[str] = "StyleGAN console log"
    url: ClassVar[str] = "https://github.com/NVlabs/stylegan3"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(
        {
            "kimg": ("#step", 1e3),
            "s_per_kimg": ("iter_time_s", 1e-3),
            "gpu_gb": ("memory_mib", 1024.0),
        }
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                rf"^\s*tick \d{{1,7}}\s{{1,9}}kimg (?P<kimg>{NUMBER})\s.{{0,120}}?"
                rf"sec/kimg (?P<s_per_kimg>{NUMBER})\s.{{0,80}}?gpumem (?P<gpu_gb>{NUMBER})"
                rf"(?:\s.{{0,40}}?augment (?P<augment>{NUMBER}))?"
            ),
        ),
        Pattern(
            "eval",
            re.compile(r'^\s*\{"results": \{(?P<rest>[^}]{1,2000})\}, "metric": '),
            re.compile(rf'"(?P<key>\w{{1,60}})": (?P<number>{NUMBER})'),
        ),
        Pattern(
            "eval",
            re.compile(r"^\s*network-snapshot-\d{1,9}\s{1,9}time .{1,40}?\s(?P<rest>[a-z].*)$"),
            re.compile(rf"(?<!\w)(?P<key>[a-z]\w{{1,60}})\s{{1,9}}(?P<number>{NUMBER})(?=\s|$)"),
        ),
        Pattern("config", re.compile(r"^\s*Training for (?P<planned_steps>\d{1,9} ?k)img\.")),
        Pattern(
            "end",
            re.compile(r"^Exiting\.\.\.\s*$"),
            facts={"reason": "the training loop was left"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
Training for 50 kimg...

tick 0     kimg 0.0      time 45s          sec/tick 10.5    sec/kimg 125.00  maintenance 34.5   \
cpumem 4.75   gpumem 6.00   reserved 6.50   augment 0.000
{"results": {"fid50k_full": 250.5}, "metric": "fid50k_full", "total_time": 457.0, "num_gpus": 2}
tick 1     kimg 4.0      time 13m 25s      sec/tick 291.5   sec/kimg 62.50   maintenance 468.5  \
cpumem 5.25   gpumem 4.25   reserved 6.25   augment 0.125
""",
            (
                Record("config", facts={"planned_steps": 50_000}, line=1),
                Record("config", facts={"step_unit": "image"}, line=3),
                Record("train", 0, metrics={"iter_time_s": 0.125, "memory_mib": 6144.0}, line=3),
                Record("eval", None, metrics={"fid50k_full": 250.5}, line=4),
                Record("train", 4000, metrics={"iter_time_s": 0.0625, "augment": 0.125}, line=5),
            ),
        ),
    )

    def axis(self) -> Axis:
        """Return the axis of a log, which counts images."""
        return Axis("image")


FORMAT = StyleGanText()
