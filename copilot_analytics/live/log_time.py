"""The present moment, as a log would write it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def now_in_log_time(*, time_is_utc: bool = False, clock: Callable[[], float] = time.time) -> float:
    """Return the time in the convention of records.

    Records read naive time stamps as if they were UTC, so for a log in local time the answer is
    ahead of the true one by the local offset.

    Parameters
    ----------
    time_is_utc
        Whether the log writes UTC, see :class:`copilot_analytics.run_meta.RunMeta`.
    clock
        Seconds since 1970 in UTC.

    Returns
    -------
    float
        Seconds since 1970 of the wall clock.

    Examples
    --------
    >>> now_in_log_time(time_is_utc=True, clock=lambda: 1000.5)
    1000.5
    """
    now = clock()
    if time_is_utc:
        return now
    offset = datetime.fromtimestamp(now, UTC).astimezone().utcoffset() or timedelta(0)
    return now + offset.total_seconds()
