"""The console of verl: all numbers of a step on one line, which Ray prefixes."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_PAIRS = re.compile(
    r"(?<= - )(?!(?:timing_|perf/|training/|global_seqlen/|prompt_length|num_turns|"
    r"response_length_n))"
    rf"(?P<key>[A-Za-z][\w./@()=-]{{0,120}}):(?:np\.float\d\d\()?(?P<number>{NUMBER})\)?(?= - |"
    rf"\s*$)"
)


class VerlText(StatementFormat):
    """``step:1 - actor/entropy:0.5 - actor/pg_loss:0.01 - critic/score/mean:0.25 - ...``."""

    name: ClassVar[str] = "verl_text"
    title: ClassVar[str] = "verl console log"
    url: ClassVar[str] = "https://github.com/volcengine/verl"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming(
        {"actor/lr": "lr", "train/lr": "lr", "actor/grad_norm": "grad_norm"}
    )
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"(?<![\w.])step:(?P<step>\d{1,12})"
                r"(?P<rest> - (?=[A-Za-z_-]{1,40}/)[^\n]{1,18000})"
            ),
            _PAIRS,
        ),
        Pattern("config", re.compile(r"\bTotal training steps: (?P<planned_steps>\d{1,12})\b")),
        Pattern(
            "config",
            re.compile(
                r"\bTraining Progress:\s{1,4}\d{1,3}%\|[^|]{0,200}\| \d{1,12}/"
                r"(?P<planned_steps>\d{1,12}) \["
            ),
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
(TaskRunner pid=7) Total training steps: 40
(TaskRunner pid=7) step:1 - actor/pg_loss:-0.25 - actor/grad_norm:np.float64(1.5) - \
actor/lr:1e-06 - critic/score/mean:0.125 - timing_s/step:3.5 - perf/throughput:90.5
(TaskRunner pid=7) Training Progress:   2%|#         | 1/40 [00:36<37:53, 36.42s/it]
(TaskRunner pid=7) step:2 - actor/pg_loss:-0.5 - critic/score/mean:0.25 - \
val-core/toy/acc/mean@1:0.375
""",
            (
                Record("config", facts={"planned_steps": 40}, line=1),
                Record(
                    "train",
                    1,
                    metrics={
                        "actor/pg_loss": -0.25,
                        "grad_norm": 1.5,
                        "lr": 1e-6,
                        "critic/score/mean": 0.125,
                    },
                    line=2,
                ),
                Record("train", 2, metrics={"critic/score/mean": 0.25}, line=4),
                Record("eval", 2, metrics={"val-core/toy/acc/mean@1": 0.375}, line=4),
            ),
        ),
    )


FORMAT = VerlText()
