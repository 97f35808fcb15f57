"""Signals that end a watch."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def catch_signals(
    stop: Callable[[int], None], is_stopping: Callable[[], bool]
) -> dict[int, signal._HANDLER]:
    """Let signals that ask to end call `stop`, and one that comes again interrupt at once.

    Signals that were ignored before, as under ``nohup``, stay ignored.

    Parameters
    ----------
    stop
        Called with the number of the signal.
    is_stopping
        Tells whether it was called before; then the next signal raises KeyboardInterrupt.

    Returns
    -------
    dict
        The handlers before, by signal, to be put back; none outside the main thread.
    """

    def handle(signum: int, _: FrameType | None) -> None:
        if is_stopping():
            raise KeyboardInterrupt  # asked twice: leave at once
        stop(signum)

    before: dict[int, signal._HANDLER] = {}
    for signum in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        try:
            if signal.getsignal(signum) != signal.SIG_IGN:  # as nohup sets it
                before.setdefault(signum, signal.signal(signum, handle))
        except ValueError:  # not in the main thread, as in some notebooks
            break
    return before
