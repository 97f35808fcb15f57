"""Supervisors over half of a sample log, with a screen and a channel that keep what they got."""

from __future__ import annotations

import threading
import time

from copilot_analytics.alerts.channels._base import Channel, Receipt
from copilot_analytics.live.following import Following
from copilot_analytics.live.supervisor import Supervisor


class Quiet:
    """A screen that remembers."""

    def __init__(self):
        self.notes, self.events, self.shown, self.taken_up = [], [], 0, []

    def start(self):
        pass

    def stop(self):
        pass

    def tell(self, watched, event):
        self.events.append(event)

    def note(self, text):
        self.notes.append(text)

    def take_up(self, watched, now, *, end_is_told):
        self.taken_up.append((watched.following.status, end_is_told))

    def show(self, runs, now):
        self.shown += 1
        return 0.2


class Pigeon(Channel):
    """A channel that keeps what it is given, and may fail as it is told to."""

    name = "pigeon"
    takes_figures = True

    def __init__(self, *moods, takes_s=0.0):
        self.sent, self.replies, self.cards, self.figures = [], [], [], []
        self.asked, self.listens = [], True
        self._moods, self._takes_s = list(moods), takes_s

    @classmethod
    def configure(cls, environment, arguments):
        return cls()

    def send(self, message, figures=None):
        time.sleep(self._takes_s)
        if self._moods:
            raise self._moods.pop(0)
        self.sent.append(message)
        return Receipt()

    def poll(self, now):
        asked, self.asked = self.asked, []
        return asked

    def reply(self, text):
        self.replies.append(text)

    def send_figure(self, png, caption=""):
        self.figures.append((png, caption))

    def card(self, text, card=None):
        self.cards.append((card, text))
        return "7"


def supervisor(ledger, paths, channels=(), **more):
    followings = [Following(path) for path in paths]
    return Supervisor(followings, ledger, channels, Quiet(), linger_s=0.0, **more)


def passes(watch, condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        watch.pass_once()
        time.sleep(0.02)


def in_thread(watch):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(watch.run()))
    thread.start()
    return thread, codes


def wait_for(condition, seconds=20.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)
