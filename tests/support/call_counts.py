"""How many calls a piece of code makes: its cost without a clock."""

from __future__ import annotations

import contextlib
import sys


@contextlib.contextmanager
def counted_calls():
    """Count the calls of Python and of C in the block; yields a list of that one number."""
    count = [0]

    def see(_frame, event, _argument):
        count[0] += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield count
    finally:
        sys.setprofile(before)
