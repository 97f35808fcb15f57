"""The log of Caffe's solver."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._parts import Part, PartsFormat
from copilot_analytics.formats._statements import Pattern
from copilot_analytics.records import Record

_OUTPUT = re.compile(rf"(?P<key>[\w./@-]{{1,80}}) = (?P<number>{NUMBER})(?=\s|$)")


class CaffeText(PartsFormat):
    """A row is the loss of an iteration, the outputs of the net, and the learning rate."""

    name: ClassVar[str] = "caffe_text"
    title: ClassVar[str] = "Caffe log"
    url: ClassVar[str] = "https://caffe.berkeleyvision.org"
    smoothing: ClassVar[int | None] = None
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern("config", re.compile(r"^max_iter: (?P<planned_steps>\d{1,10})\s*$")),
        Pattern(
            "resume",
            re.compile(r"Restoring previous solver status from (?P<checkpoint>\S{1,400})"),
        ),
        Pattern(
            "checkpoint",
            re.compile(r"Snapshotting to (?:binary proto|HDF5) file (?P<path>\S{1,400})"),
        ),
        Pattern(
            "end",
            re.compile(r"\] Optimization Done\.|^Solving done"),
            facts={"reason": "completed"},
        ),
    )
    parts: ClassVar[tuple[Part, ...]] = (
        Part(
            Pattern(
                "train",
                re.compile(
                    r"solver\.cpp:\d{1,5}\] Iteration (?P<step>\d{1,10})(?: \([^)]{1,80}\))?, "
                    rf"loss = (?P<loss>{NUMBER})"
                ),
            ),
            opens=True,
        ),
        Part(
            # An output that is named like the total is the loss of the last batch alone.
            Pattern(
                "train",
                re.compile(r"Train net output #\d{1,4}: (?P<rest>(?!loss )\S{1,80} = \S{1,30})"),
                _OUTPUT,
            )
        ),
        Part(
            Pattern(
                "train",
                re.compile(rf"solver\.cpp:\d{{1,5}}\] Iteration \d{{1,10}}, lr = (?P<lr>{NUMBER})"),
            ),
            closes=True,
        ),
        # What the solver calls its test is watched while it trains: it is the validation here.
        Part(
            Pattern(
                "eval",
                re.compile(r"\] Iteration (?P<step>\d{1,10}), Testing net \(#\d{1,3}\)"),
            ),
            opens=True,
        ),
        Part(
            Pattern(
                "eval",
                re.compile(r"Test net output #\d{1,4}: (?P<rest>\S{1,80} = \S{1,30})"),
                _OUTPUT,
            )
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
I0301 10:00:00.250000  1860 solver.cpp:48] Initializing solver from parameters:
max_iter: 200
I0301 10:00:00.250000  1860 solver.cpp:337] Iteration 0, Testing net (#0)
I0301 10:00:01.250000  1860 solver.cpp:404]     Test net output #0: accuracy = 0.125
I0301 10:00:01.250000  1860 solver.cpp:404]     Test net output #1: loss = 2.5 (* 1 = 2.5 loss)
I0301 10:00:02.250000  1860 solver.cpp:228] Iteration 0 (0.5 iter/s, 2s/100 iters), loss = 2.25
I0301 10:00:02.250000  1860 solver.cpp:244]     Train net output #0: accuracy = 0.25
I0301 10:00:02.250000  1860 solver.cpp:244]     Train net output #1: loss = 2 (* 1 = 2 loss)
I0301 10:00:02.250000  1860 sgd_solver.cpp:106] Iteration 0, lr = 0.01
I0301 10:00:09.250000  1860 solver.cpp:317] Optimization Done.
""",
            (
                Record("config", facts={"planned_steps": 200}, line=2),
                Record("eval", 0, None, None, {"accuracy": 0.125}, {"split": "val"}, 5),
                Record("train", 0, metrics={"loss": 2.25, "accuracy": 0.25, "lr": 0.01}, line=9),
                Record("end", line=10),
            ),
        ),
    )


FORMAT = CaffeText()
