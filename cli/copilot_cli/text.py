"""Plain text for a terminal."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis

_WIDTH = 88


def plain_summary(analysis: Analysis) -> str:
    """Return the verdict and what to do, wrapped, without Markdown."""
    from copilot_analytics.report.markdown import name_of
    from copilot_analytics.report.verdict import actions, headline, verdict

    lines = [f"{printable(name_of(analysis))}: {headline(analysis)}", ""]
    lines += textwrap.wrap(printable(verdict(analysis)), _WIDTH)
    lines.append("")
    for action in actions(analysis):
        lines += textwrap.wrap(
            printable(_without_markup(action)), _WIDTH, initial_indent="• ", subsequent_indent="  "
        )
    return "\n".join(lines)


def printable(text: str) -> str:
    """Replace control characters, which could move the cursor or recolour the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _without_markup(text: str) -> str:
    return re.sub(r"\*\*|`", "", text)
