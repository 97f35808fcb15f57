"""Cutting text to what a chat takes."""

from __future__ import annotations

import unicodedata


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 units, as chats count.

    Examples
    --------
    >>> utf16_length("a"), utf16_length("🟠")
    (1, 2)
    """
    return len(text) + sum(character > "\uffff" for character in text)


def split_text(text: str, limit: int) -> list[str]:
    r"""Cut a text into parts of at most `limit` UTF-16 units that together are the text.

    It is cut after a line if that can be, else after a word, else between characters, and only in
    need between a character and the mark that belongs to it.

    Parameters
    ----------
    text
        Plain text; it is rendered after the cut, so that no markup is cut.
    limit
        At least 2, so that every character fits.

    Examples
    --------
    >>> split_text("one two\nthree", 9)
    ['one two\n', 'three']
    >>> split_text("one two three", 9)
    ['one two ', 'three']
    """
    if limit < 2:
        msg = f"a part must hold 2 units, not {limit}"
        raise ValueError(msg)
    parts = []
    start = 0
    while start < len(text):
        stop = _reach(text, start, limit)
        if stop < len(text):
            stop = _good_cut(text, start, stop)
        parts.append(text[start:stop])
        start = stop
    return parts


def _reach(text: str, start: int, limit: int) -> int:
    """Return where the text from `start` exceeds the limit."""
    used = 0
    for place in range(start, min(len(text), start + limit)):
        used += 2 if text[place] > "\uffff" else 1
        if used > limit:
            return place
    return min(len(text), start + limit)


def _good_cut(text: str, start: int, stop: int) -> int:
    newline = text.rfind("\n", start, stop)
    if newline >= start:
        return newline + 1
    blank = text.rfind(" ", start, stop)
    if blank >= start:
        return blank + 1
    cut = stop
    while cut > start + 1 and _belongs_to_previous(text, cut):
        cut -= 1
    return cut if cut > start + 1 or not _belongs_to_previous(text, cut) else stop


def _belongs_to_previous(text: str, place: int) -> bool:
    character = text[place]
    joined = text[place - 1] == "\u200d" or character in "\u200d\ufe0e\ufe0f"
    return joined or unicodedata.combining(character) != 0
