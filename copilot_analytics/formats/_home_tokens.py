"""What a line of a home-made log is made of: clocks, numbers, words and the marks between them."""

from __future__ import annotations

import re

from copilot_analytics.formats._home_vocabulary import CHINESE

FULL_WIDTH = "\uff0c\uff1a\uff1b\uff08\uff09\u3010\u3011\u3001\u3002"
"""Marks as Chinese writes them: a comma, colon, semicolon, brackets, and what separates."""

DECIMAL_COMMA = r"[+-]?(?:0,\d{1,20}|\d{1,9},(?:\d{1,2}|\d{4,20}))"
"""A number as much of Europe writes it; three digits behind a comma are thousands."""

NO_PLACE = "".join(
    rf"(?<!{end})" for end in "poch step iter ation atch isode round kimg train val test".split()
)
"""Behind a measure ``(10)`` tells over how many it is the mean; behind a place it is the place."""

_GLUED = "epoch Epoch EPOCH iter Iter step Step".split()  # to their number: ``Epoch1/300``
_BEHIND = "|".join(f"(?<=(?<![A-Za-z_]){word})" for word in _GLUED)

TOKEN = re.compile(
    rf"""(?x)
      (?P<aside>\((?i:[^()\d]{{0,40}}\b(?:last|past|over|window|avg|average|mean|ema|running)\b)
          [^()\d]{{0,40}}\d{{1,9}}(?:\.\d{{1,9}})?[^()\d]{{0,20}}\)(?=\s{{0,3}}[:=])
        | (?<=[A-Za-z])(?i:{NO_PLACE})\(\d{{1,9}}\)(?=\s{{0,3}}[:=])
        | \((?i:last\s|over\s)?\d{{1,9}}\s(?i:episodes?|eps?|games|steps|iters?|runs)\)(?=[\s:=])
        | \[(?i:last|past|over)\s\d{{1,9}}(?:\s(?i:episodes?|eps?|games|steps|iters?|runs))?\]
          (?=[\s:=])
        | \b(?i:on|over|of)\s(?:(?i:the|all)\s){{0,2}}\d{{1,9}}\s(?:\w{{1,20}}\s){{0,2}}
          (?i:images|samples|examples|reviews|sentences|episodes|games|sequences)(?=\s{{0,3}}[:=]))
    | (?P<clock>(?<![\w.:])\d{{1,4}}(?::[0-5]\d){{1,3}}(?:[.,]\d{{1,9}})?(?![\w:]))
    | (?P<number>(?:(?<=[:=])|(?<=[:=]\s)){DECIMAL_COMMA}(?:[eE][+-]?\d{{1,4}})?(?![.,]?\d)
        | (?:(?<![\w.@])|(?<=[{CHINESE}])|(?<=[Ll]oss)|{_BEHIND})[+-]?(?:
          \d{{1,3}}(?:,\d{{3}}){{1,5}}(?!,?\d)(?:\.\d{{1,30}})?
        | \d{{1,310}}(?:\.\d{{1,30}}|\.(?=[\])]))? | \.\d{{1,30}})(?:[eE][+-]?\d{{1,4}})?)
      (?:(?:st|nd|rd|th)(?!\w)|(?P<unit>%|[A-Za-zµ][\w/%]{{0,20}}))?
    | (?P<word>[Ll]oss(?=\d{{1,9}}\.\d)
        | (?<![\w./-])(?:{"|".join(_GLUED)})(?=\d{{1,9}}(?:[\s/|,:()\]]|$))
        | [Tt]op[ -][1-9]\d?[ -](?:err(?:or)?|acc(?:uracy)?)\b
        | (?:(?![{CHINESE}])[^\W\d])(?:(?![{CHINESE}])[\w@./+'-]){{0,60}}|[{CHINESE}]{{1,60}})
    | (?P<mark>[\[\](){{}}|,;:=/\t<>—–→│{FULL_WIDTH}-]|[ ]{{2,20}})
    """
)
_PAIR = (
    r"[(\[]?['\"]?[A-Za-z_][\w ./-]{0,30}['\"]?,\s{0,4}"
    r"[+-]?\d{1,12}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,4})?[)\]]?"
)
PAIRS = re.compile(
    rf"\s{{0,20}}(?:[A-Za-z]{{1,20}}\s\d{{1,9}},\s)?{_PAIR}(?:,\s{{0,4}}{_PAIR}){{0,20}}\s*"
)
"""A line of nothing but ``name, number`` pairs, as ``print(name, number, sep=", ")`` writes."""
ASCII_MARKS = str.maketrans(FULL_WIDTH, ",:;()[],,")
ANY_RANK = re.compile(r"\W{0,3}(?:rank|default|gpu)[ :=_]?\d{1,5}(?:[\]):]|\s?\|)", re.IGNORECASE)
OTHER_RANK = re.compile(ANY_RANK.pattern.replace(r"\d{1,5}", r"[1-9]\d{0,4}"), re.IGNORECASE)
LEVELS = frozenset({"INFO", "DEBUG", "NOTICE", "TRACE"})
LEVEL = re.compile(r"^\W{0,5}DEBUG\b")
UNITS = frozenset(
    """s sec secs seconds ms min mins minutes h hours samples/s samples/sec sample/s it/s s/it
    img/s imgs/s images/s tokens/s tok/s tokens/sec words/s wps batch/s batches/s steps/s iter/s
    iters/s examples/s frames/s mb gb kb mib gib mm px hz""".split()
)
LINKING = frozenset({"is", "of", "was", "at", "the", "=", "equals", "for", "in", "on"})
TOTAL_BEHIND = frozenset({"of", "von", "de", "di", "sur", "из", "共"})
"""What stands between a number and how many there are, as in ``Epoch 3 of 9``."""

NOT_THIS_EPOCH = frozenset(
    """warmup warm best from last resume max num per time after until total every save stop
    local inner""".split()
)
