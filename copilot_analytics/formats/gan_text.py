"""The loss log of CycleGAN and pix2pix."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._pairs import ANY_PAIRS
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._statements import Pattern, StatementFormat, StatementParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

# Epochs at the first learning rate and those in which it decays, as the options are printed.
_EPOCHS = re.compile(r"^\s{0,60}n(?:_epochs|iter)(?P<decay>_decay)?: (?P<number>\d{1,7})\s")

# Each process opens the log once more, and heads what it adds with its date.
_OPENED = re.compile(r"^={10,40} Train(?:ing)? Loss \(.{10,40}\)\s?={10,40}\s*$")
_LAST_EPOCH = re.compile(r"^End of epoch (\d{1,7}) / \1\s")
_FRAMEWORK = {"framework": "CycleGAN and pix2pix"}


class GanParser(StatementParser):
    """Reads lines by patterns, the plan from the options before them, and where a process began."""

    def __init__(self, patterns: tuple[Pattern, ...], rows: RowReader, naming: Naming) -> None:
        super().__init__(patterns, rows, naming)
        self._epochs: dict[bool, int] = {}  # by whether the learning rate decays in them

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read any other line."""
        if _OPENED.match(line):
            return [self._rows.record("config", number, facts=dict(_FRAMEWORK))]
        if _LAST_EPOCH.match(line):
            facts = {"reason": "the last epoch ended"}
            return [*super().parse(line, number), self._rows.record("end", number, facts=facts)]
        if (found := _EPOCHS.match(line)) is None:
            return super().parse(line, number)
        self._epochs[found["decay"] is not None] = int(found["number"])
        if len(self._epochs) < 2:
            return ()
        # The axis must know, too: a log that ends in its first epoch shows no length of it.
        self._rows.axis.facts["planned_epochs"] = sum(self._epochs.values())
        self._epochs.clear()
        return list(self._rows.plan(number))


class GanText(StatementFormat):
    """``(epoch: 1, iters: 100, time: 0.5, data: 0.1) D_A: 0.5 G_A: 0.25``."""

    name: ClassVar[str] = "gan_text"
    title: ClassVar[str] = "CycleGAN and pix2pix loss log"
    url: ClassVar[str] = "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix"
    smoothing: ClassVar[int | None] = 1
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\(epoch: (?P<epoch>\d{1,7})\s{0,8}, iters: (?P<inner>\d{1,10})\s{0,8}, "
                rf"time: (?P<iter_time_s>{NUMBER})(?:, data: (?P<data_time_s>{NUMBER}))?\)"
                r"[ ,]{1,4}(?P<rest>\w.*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern(
            "train",
            # Without its brackets the line is told by the order of its counts and by the networks.
            re.compile(
                r"^epoch: (?P<epoch>\d{1,7}), iters: (?P<inner>\d{1,10}), "
                rf"time: (?P<iter_time_s>{NUMBER}) (?P<rest>[DG]_\w{{1,30}}: .*)$"
            ),
            ANY_PAIRS,
        ),
        Pattern("config", re.compile(r"^End of epoch \d{1,7} / (?P<planned_epochs>\d{1,7})\s")),
    )
    naming: ClassVar[Naming] = Naming()
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
================ Training Loss (Fri Mar  1 10:00:00 2024) ================
(epoch: 1, iters: 100, time: 0.500, data: 0.125) D_A: 0.500 G_A: 0.250 cycle_A: 1.500
(epoch: 1, iters: 200, time: 0.500, data: 0.125) D_A: 0.250 G_A: 0.500 cycle_A: 1.250
End of epoch 1 / 3 \t Time Taken: 100 sec
(epoch: 2, iters: 100, time: 0.500, data: 0.125) D_A: 0.125 G_A: 0.750 cycle_A: 1.000
""",
            (
                Record("config", facts={"framework": "CycleGAN and pix2pix"}, line=1),
                Record("train", 100, metrics={"D_A": 0.5, "data_time_s": 0.125}, line=2),
                Record("train", 200, metrics={"G_A": 0.5, "cycle_A": 1.25}, line=3),
                Record("config", facts={"planned_epochs": 3}, line=4),
                Record("train", 300, 1.5, metrics={"D_A": 0.125}, line=5),
                Record("config", facts={"steps_per_epoch": 200}),
            ),
        ),
        Sample(
            """\
----------------- Options ---------------
                 n_epochs: 2                             \t[default: 100]
           n_epochs_decay: 3                             \t[default: 100]
----------------- End -------------------
(epoch: 1, iters: 20, time: 1.500, data: 0.125) G_GAN: 2.250 G_L1: 33.500 D_real: 0.250
""",
            (
                Record("config", facts={"planned_epochs": 5}, line=3),
                Record("train", 20, metrics={"G_GAN": 2.25, "G_L1": 33.5}, line=5),
            ),
        ),
        Sample(
            """\
(epoch: 1 , iters: 50  , time: 2.500) D_A: 1.250 G_A: 0.750 Cyc_A: 6.500 idt_A: 3.250
""",
            (
                Record("train", 50, metrics={"D_A": 1.25, "Cyc_A": 6.5, "idt_A": 3.25}, line=1),
                Record("config", facts={"steps_per_epoch": 50}),
            ),
        ),
        Sample(
            """\
=================== Train Loss (Fri Mar  1 10:00:00 2024)==================
epoch: 1, iters: 8, time: 2.500 G_GAN: 0.500 G_Lp: 0.125 D_real: -0.000 D_fake: 1.500
""",
            (
                Record("config", facts={"framework": "CycleGAN and pix2pix"}, line=1),
                Record("train", 8, metrics={"G_GAN": 0.5, "G_Lp": 0.125, "D_fake": 1.5}, line=2),
                Record("config", facts={"steps_per_epoch": 8}),
            ),
        ),
    )

    def parser(self, file: str) -> GanParser:
        """Return a fresh parser for a log."""
        return GanParser(self.patterns, RowReader(file, self.axis(), self.naming), self.naming)

    def axis(self) -> Axis:
        """Return the axis of a log: all counts from 1."""
        return Axis(epoch_base=1, inner_base=1)


FORMAT = GanText()
