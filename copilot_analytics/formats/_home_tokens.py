"""What a line of a home-made log is made of: clocks, numbers, words and the marks between them."""

from __future__ import annotations

import re

from copilot_analytics.formats._home_vocabulary import CHINESE

TOKEN = re.compile(
    rf"""(?x)
      (?P<clock>(?<![\w.:])\d{{1,4}}(?::[0-5]\d){{1,3}}(?:[.,]\d{{1,9}})?(?![\w:]))
    | (?P<number>(?<![\w.@])[+-]?(?:
          \d{{1,3}}(?:,\d{{3}}){{1,5}}(?!,?\d)(?:\.\d{{1,30}})?
        | \d{{1,30}}(?:\.\d{{1,30}}|\.(?=[\])]))? | \.\d{{1,30}})(?:[eE][+-]?\d{{1,4}})?)
      (?:(?:st|nd|rd|th)(?!\w)|(?P<unit>%|[A-Za-zµ][\w/%]{{0,20}}))?
    | (?P<word>[Tt]op[ -][1-9]\d?[ -](?:err(?:or)?|acc(?:uracy)?)\b
        | [A-Za-z_][A-Za-z0-9_@./+'-]{{0,60}}|[{CHINESE}]{{1,60}})
    | (?P<mark>[\[\](){{}}|,;:=/\t<>—–→│-]|[ ]{{2,20}})
    """
)
OTHER_RANK = re.compile(r"^\W{0,3}(?:rank|default|gpu)[ :=_]?[1-9]\d{0,4}[\]):]", re.IGNORECASE)
LEVEL = re.compile(r"^\W{0,5}DEBUG\b")
UNITS = frozenset(
    """s sec secs seconds ms min mins minutes h hours samples/s samples/sec sample/s it/s s/it
    img/s imgs/s images/s tokens/s tok/s tokens/sec words/s wps mb gb kb mib gib mm px hz""".split()
)
LINKING = frozenset({"is", "of", "was", "at", "the", "=", "equals", "for", "in", "on"})
NOT_THIS_EPOCH = frozenset(
    "warmup warm best from last resume max num per time after until total every save stop".split()
)
