"""Signals that end a watch."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ONE_WISH_S = 1.0  # a key that bounces, or one signal to a group of which a member passes it on


def catch_signals(
    stop: Callable[[int], None], is_stopping: Callable[[], bool]
) -> dict[int, signal._HANDLER]:
    """Let signals that ask to end call `stop`, and one that comes a second later interrupt at once.

    Signals that were ignored before, as under ``nohup``, stay ignored.

    Parameters
    ----------
    stop
        Called with the number of the signal.
    is_stopping
        Tells whether it was called before; then a signal more than a second after the first raises
        KeyboardInterrupt.

    Returns
    -------
    dict
        The handlers before, by signal, to be put back; none outside the main thread.
    """
    asked_at = float("-inf")

    def handle(signum: int, _: FrameType | None) -> None:
        nonlocal asked_at
        if not is_stopping():
            asked_at = time.monotonic()
            stop(signum)
        elif time.monotonic() - asked_at > _ONE_WISH_S:
            raise KeyboardInterrupt  # asked twice: leave at once

    before: dict[int, signal._HANDLER] = {}
    for signum in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        try:
            if signal.getsignal(signum) != signal.SIG_IGN:  # as nohup sets it
                before.setdefault(signum, signal.signal(signum, handle))
        except ValueError:  # not in the main thread, as in some notebooks
            break
    return before
