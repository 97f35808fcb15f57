"""How a run that failed ended, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from copilot_analytics.records import Record

_LONGEST_FAILURE = 160
_STOPPED = ("keyboardinterrupt", "sigterm", "sigint", "sigkill", "cancelled", "preempt")


def failure_in_words(record: Record) -> str:
    """Say what made a run fail.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> failure_in_words(Record("crash", facts={"error": "KeyError", "message": "'x'"}))
    "KeyError: 'x'"
    """
    facts = record.facts
    named = [] if facts.get("error") == "traceback" else ["error"]  # no error was named
    parts = [str(facts[key]) for key in (*named, "message") if facts.get(key)]
    text = ": ".join(parts) or (f"signal {facts['signal']}" if facts.get("signal") else "")
    if facts.get("out_of_memory") and not text.startswith("out of memory"):
        return _brief(f"out of memory: {text}" if text else "out of memory")
    return _brief(text or "the process failed")


def _brief(text: str) -> str:
    """Cut a long message of an error after its last sentence, or else word, that is short enough.

    Examples
    --------
    >>> _brief("ValueError: " + "no " * 99)[-7:]
    'no no …'
    >>> _brief("KeyError: 'x'")
    "KeyError: 'x'"
    """
    if len(text) <= _LONGEST_FAILURE:
        return text
    cut = text[: _LONGEST_FAILURE - 1]
    sentence, word = cut.rfind(". "), cut.rfind(" ")
    if sentence >= _LONGEST_FAILURE // 2:
        return cut[: sentence + 1]
    return f"{cut[:word] if word > 0 else cut} …"


def ending_of(record: Record) -> tuple[Literal["crashed", "interrupted"], str, int]:
    """Tell a crash from a stop by hand or by the scheduler; with its reason and its line.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> ending_of(Record("crash", facts={"error": "KeyboardInterrupt"}, line=9))
    ('interrupted', 'it was stopped by hand (Ctrl-C)', 9)
    """
    failure = failure_in_words(record)
    told = f"{failure} {record.facts.get('signal') or ''}".lower()
    if any(word in told for word in _STOPPED) and not record.facts.get("out_of_memory"):
        by_hand = "keyboardinterrupt" in told or "sigint" in told
        how = "by hand (Ctrl-C)" if by_hand else failure
        return "interrupted", f"it was stopped{' ' if by_hand else ': '}{how}", record.line
    return "crashed", failure, 0 if record.facts.get("unsaid") else record.line
