"""The console of ``lstmtraining``, which trains Tesseract."""

from __future__ import annotations

import re
from typing import ClassVar

from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming
from copilot_analytics.formats._statements import Pattern, StatementFormat
from copilot_analytics.records import Record

_ERRORS = {
    "char_train": "char train",
    "word_train": "word train",
    "bcer_train": "BCER train",
    "bwer_train": "BWER train",
    "char_error": "Char error rate",
    "word_error": "Word error rate",
}


class TesseractText(StatementFormat):
    """``At iteration 1/100/100, Mean rms=5.5%, delta=20.1%, char train=90.5%, ...``.

    Of the three counts the second is the iterations of the training, which the limit speaks of;
    the first leaves out those that had nothing to learn.
    """

    name: ClassVar[str] = "tesseract_text"
    title: ClassVar[str] = "Tesseract lstmtraining console log"
    url: ClassVar[str] = "https://tesseract-ocr.github.io/tessdoc/tess5/TrainingTesseract-5.html"
    smoothing: ClassVar[int | None] = None
    naming: ClassVar[Naming] = Naming(_ERRORS)
    patterns: ClassVar[tuple[Pattern, ...]] = (
        Pattern(
            "train",
            re.compile(
                r"\bAt iteration \d{1,12}/(?P<step>\d{1,12})/\d{1,12}, "
                rf"[Mm]ean rms=(?P<rms>{NUMBER})%, delta=(?P<delta>{NUMBER})%, "
                rf"(?:char train=(?P<char_train>{NUMBER})|BCER train=(?P<bcer_train>{NUMBER}))%, "
                rf"(?:word train=(?P<word_train>{NUMBER})|BWER train=(?P<bwer_train>{NUMBER}))%"
            ),
        ),
        Pattern(
            "eval",
            re.compile(
                r"\bAt iteration (?P<step>\d{1,12}), stage \d{1,3}, Eval Char error rate="
                rf"(?P<char_error>{NUMBER}), Word error rate=(?P<word_error>{NUMBER})"
            ),
        ),
        Pattern(
            "end",
            re.compile(r"^Finished! (?:Error rate|Selected model)"),
            facts={"reason": "the log says that training finished"},
        ),
    )
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            """\
At iteration 90/100/100, Mean rms=5.5%, delta=20.125%, char train=90.5%, word train=99.25%, \
skip ratio=0%,  New best char error = 90.5 wrote checkpoint.
2 Percent improvement time=100, best error was 100 @ 0
At iteration 150/200/200, mean rms=4.500%, delta=10.125%, BCER train=80.500%, BWER train=89.250%, \
skip ratio=0.000%, New best BCER = 80.500 wrote checkpoint.
At iteration 200, stage 0, Eval Char error rate=60.5, Word error rate=70.25
Finished! Error rate = 60.5
""",
            (
                Record("train", 100, metrics={"char train": 90.5, "rms": 5.5}, line=1),
                Record("train", 200, metrics={"BCER train": 80.5, "delta": 10.125}, line=3),
                Record("eval", 200, metrics={"Char error rate": 60.5}, line=4),
                Record("end", line=5),
            ),
        ),
    )


FORMAT = TesseractText()
