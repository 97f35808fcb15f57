"""Shows what became of each kind of line of a log: for a user whose log is not understood.

Lines that differ only in their numbers are of one template. What a template became is told by the
records that its lines gave, whatever the format; so it is known for every format alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.reading.lines import LineSplitter
from copilot_analytics.reading.parsing import LogReader, Stats
from copilot_analytics.reading.sources import read_chunks
from copilot_analytics.records import Block

if TYPE_CHECKING:
    from pathlib import Path

    from copilot_analytics.reading.detect import Detection
    from copilot_analytics.records import Item

MOST_BYTES = 64 << 20
_MOST_TEMPLATES = 20_000
_MOST_NAMES = 12
_LONGEST = 400

_NUMBER = re.compile(r"(?<![A-Za-z_])[+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?|\bnan\b|\binf\b")
_BLANKS = re.compile(r"\s+")
_BAR = re.compile(r"[█▏▎▍▌▋▊▉━╸=>.\-─╺]{3,}[█▏▎▍▌▋▊▉━╸=>.\-─╺ ]*")


@dataclass
class Template:
    """Lines that are alike but for their numbers.

    Parameters
    ----------
    shape
        The lines with ``#`` for each number.
    line, example
        The first of them.
    count
        How many there are.
    became
        What they gave: kinds of records with the names of their metrics or facts; empty if they
        were not read.
    read
        How many of them gave a record.
    """

    shape: str
    line: int
    example: str
    count: int = 0
    read: int = 0
    became: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """How a log was read.

    Parameters
    ----------
    path
        The log.
    detection
        Its format, and why; None if nothing could be said.
    stats
        Counts of lines and records.
    templates
        What was read first, then what holds numbers, each the commonest first.
    refusal
        Why it holds no training; empty if it does.
    cut
        Whether only the first 64 MiB were looked at.
    """

    path: str
    detection: Detection | None
    stats: Stats
    templates: tuple[Template, ...]
    refusal: str = ""
    cut: bool = False


def explain(path: str | Path, log_format: str | None = None) -> Explanation:
    """Read a log and tell what became of its lines.

    Parameters
    ----------
    path
        The log.
    log_format
        Name of its format; None tells it by the content.

    Raises
    ------
    LogError
        If it cannot be read.
    UnknownFormatError
        If no format has that name.

    Examples
    --------
    >>> found = explain("sample_logs/digits_nan/train.log")  # doctest: +SKIP
    >>> found.templates[0].became  # doctest: +SKIP
    {'train': ['loss', 'lr']}
    """
    reader, splitter = LogReader(str(path), log_format), LineSplitter()
    templates: dict[str, Template] = {}
    where: dict[int, Template] = {}
    items: list[Item] = []
    seen, refusal, cut = 0, "", False
    try:
        for chunk in read_chunks(path):
            seen += len(chunk)
            for number, text in splitter.feed(chunk).cleaned():
                _note(text, number, templates, where)
            items += reader.feed(chunk)
            cut = seen >= MOST_BYTES
            if cut:
                break
        for number, text in splitter.close().cleaned():
            _note(text, number, templates, where)
        items += reader.close()
    except NotATrainingLogError as error:
        refusal = str(error)
    for item in items:
        _attribute(item, where)
    ranked = sorted(
        templates.values(),
        key=lambda one: (not one.became, "#" not in one.shape, -one.count, one.line),
    )
    return Explanation(str(path), reader.detection, reader.stats, tuple(ranked), refusal, cut)


def shape_of(line: str) -> str:
    """Return a line with ``#`` for each number and ``…`` for progress bars.

    Examples
    --------
    >>> shape_of("Epoch 3/60 - loss 1.2e-03 |████----| x2")
    'Epoch #/# - loss # |…| x2'
    """
    return _BLANKS.sub(" ", _BAR.sub("…", _NUMBER.sub("#", line[:_LONGEST]))).strip()


def _note(
    text: str, number: int, templates: dict[str, Template], where: dict[int, Template]
) -> None:
    shape = shape_of(text)
    if not shape.strip("…# "):
        return  # a rule, a bar or bare numbers
    template = templates.get(shape)
    if template is None:
        if len(templates) >= _MOST_TEMPLATES:
            return
        template = templates[shape] = Template(shape, number, text[:_LONGEST].strip())
    template.count += 1
    where[number] = template


def _attribute(item: Item, where: dict[int, Template]) -> None:
    if isinstance(item, Block):
        lines, title, names = item.line.tolist(), "train", list(item.metrics)
    else:
        lines, names = [item.line], list(item.metrics) or list(item.facts)
        title = "test" if item.facts.get("split") == "test" else item.kind
    for line in lines:
        template = where.get(line)
        if template is None:
            continue
        template.read += 1
        known = template.became.setdefault(title, [])
        known += [name for name in names if name not in known][: _MOST_NAMES - len(known)]
