"""Boxes of the logger of improved-diffusion and guided-diffusion, and of what kept it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import LogFormat, Sample
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats.sb3_console import BoxParser, boxes
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {"step": "#step", "samples": None}


class GuidedDiffusionText(LogFormat):
    """A box of names and numbers every so many steps."""

    name: ClassVar[str] = "guided_diffusion_text"
    title: ClassVar[str] = "improved-diffusion or guided-diffusion console log"
    url: ClassVar[str] = "https://github.com/openai/guided-diffusion"
    smoothing: ClassVar[int | None] = None
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
----------------------------
| grad_norm    | 0.125     |
| loss         | 0.5       |
| samples      | 1.28e+03  |
| step         | 10        |
----------------------------
----------------------------
| grad_norm    | 0.25      |
| loss         | 0.25      |
| samples      | 2.56e+03  |
| step         | 20        |
----------------------------
""",
            (
                Record("train", 10, metrics={"loss": 0.5, "grad_norm": 0.125}, line=6),
                Record("train", 20, metrics={"loss": 0.25}, line=12),
            ),
        ),
    )

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: a box that counts steps and samples settles it."""
        wanted = {"step", "samples", "loss"}
        return 1.0 if any(wanted <= box for box in boxes(lines)) else 0.0

    def parser(self, file: str) -> BoxParser:
        """Return a fresh parser for a log."""
        return BoxParser(file, Axis(), Naming(_NAMES), ("step",))


FORMAT = GuidedDiffusionText()
