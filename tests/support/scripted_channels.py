"""A channel that does what its script says, and time that passes for it."""

from __future__ import annotations

from fake_bot_api import make_message

from copilot_analytics.alerts.channels._base import Channel, Receipt


class Scripted(Channel):
    """Does what its script says, then takes everything."""

    name = "scripted"
    takes_figures = True

    def __init__(self, *script):
        self.script = list(script)
        self.taken = []
        self.tried_at = []
        self.figures = []
        self.now = 0.0

    @classmethod
    def configure(cls, environment, arguments):
        return cls()

    def send(self, message, figures=None):
        self.tried_at.append(self.now)
        outcome = self.script.pop(0) if self.script else None
        if outcome is not None:
            raise outcome
        self.taken.append(message)
        self.figures.append(dict(figures or {}))
        return Receipt("7")


def go(delivery, channel, stop, *, start=0.0, step=1.0):
    """Let time pass; return what was told on the screen."""
    notices, now = [], start
    while now <= stop:
        channel.now = now
        notices += delivery.work(now).notices
        now += step
    return notices


def fill(ledger, names, now=0.0, **changes):
    for name in names:
        ledger.put([make_message(name, **changes)], [], now, ["scripted"])
