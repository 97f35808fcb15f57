"""Ledgers as the tests of the alerts open and fill them."""

from __future__ import annotations

from fake_bot_api import make_message


def put(ledger, name="abcdef01", channels=("console",), now=0.0, **changes):
    """Queue a message."""
    return ledger.put([make_message(name, **changes)], [], now, channels)
