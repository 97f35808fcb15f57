"""How the lines of many text formats write names with their numbers, and the time left."""

from __future__ import annotations

import re

from copilot_analytics.formats._numbers import NUMBER

_KEY = r"(?<![\w./@-])(?P<key>[A-Za-z_][\w./@-]{0,60})(?:\s?[:=]\s{0,9}|\s{1,9})"

COLON_PAIRS = re.compile(
    rf"(?P<key>[A-Za-z_][\w./@()+-]{{0,60}})\s?[:=]\s*(?P<number>{NUMBER})(?![\w.])"
)
"""``name: 1.5`` or ``name=1.5``."""

BLANK_PAIRS = re.compile(rf"(?P<key>[A-Za-z_][\w./@-]{{0,60}})[ \t]+(?P<number>{NUMBER})(?![\w.])")
"""``name 1.5``."""

ANY_PAIRS = re.compile(rf"{_KEY}(?P<number>{NUMBER})(?=s?(?:[\s,;|()]|$))")
"""``name: 1.5``, ``name=1.5`` and ``name 1.5``, of which the number may be of seconds: ``0.5s``."""

MEAN_PAIRS = re.compile(rf"{_KEY}{NUMBER}s?\s{{0,3}}\(\s{{0,9}}(?P<number>{NUMBER})(?=s?[),])")
"""``name: 1.5 (2.5)``, of which the number in brackets is the mean so far."""

ETA = (
    r"(?:(?P<eta_d>\d{1,4}) days?, )?(?P<eta_h>\d{1,5}):(?P<eta_m>\d\d):(?P<eta_s>\d\d)"
    r"(?:\.\d{1,6})?"
)
"""The time left, as ``str(timedelta)`` writes it."""
