"""Which metric chooses the best checkpoint of a run, as the state beside the checkpoints tells.

The console of the Trainer of Hugging Face does not say it. ``trainer_state.json``, which it saves
with each checkpoint, holds the best value so far, which tells the metric.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.live.log_session import LogSession
from copilot_analytics.reading.beside import Beside
from copilot_analytics.reading.digests import Digest
from copilot_analytics.reading.saved_states import saved_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from copilot_analytics.live.follow_directory import RunDirectory
    from copilot_analytics.live.follow_resumes import ResumedLogs

_MOST_FOLDERS = 50
_MOST_BYTES = 8 << 20
_EVERY_S = (2.0, 300.0)  # a look lists folders: each comes later than the one before it
_HEAD = 1 << 12
_NO_CHOICE = re.compile(rb'"best_metric": ?null')
_FACTS = ("save_best", "save_best_direction")


class TrainerStates:
    """The states that may stand beside the checkpoints of a followed run, below its log.

    Examples
    --------
    >>> TrainerStates().choice(Path("no/such.log"), 0.0)
    {}
    """

    def __init__(self) -> None:
        self._look_at, self._wait_s = float("-inf"), _EVERY_S[0]
        self._seen: dict[Path, int] = {}

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to look."""
        return now >= self._look_at

    def choice(self, log: Path, now: float, *, anew: bool = False) -> dict[str, Any]:
        """Return the metric that chooses the best checkpoint, and which way it is better.

        Parameters
        ----------
        log
            The log that is followed.
        now
            Seconds since 1970.
        anew
            Look whether or not it is time to, also at states that were seen: the log has come on.

        Returns
        -------
        dict
            Facts of a configuration; empty if nothing new tells it.
        """
        if not (anew or self.is_due(now)):
            return {}
        self._look_at = now + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, _EVERY_S[1])
        main: Digest | None = None
        for state in _states_near(log):
            with suppress(OSError):
                status = state.stat()
                if self._seen.get(state) == status.st_mtime_ns and not anew:
                    continue
                self._seen[state] = status.st_mtime_ns
                if max(status.st_size, log.stat().st_size) > _MOST_BYTES or not _chooses(state):
                    continue
                main = Digest.of(log) if main is None else main
                saved = Digest.of(state)
                if main is None or saved is None or not saved.is_of_the_run_of(main):
                    continue
                if "save_best" in saved.facts and saved.points.keys() & main.points.keys():
                    return {name: saved.facts[name] for name in _FACTS if name in saved.facts}
        return {}


def told_session(source: str | ResumedLogs | RunDirectory, *given: Any, **more: Any) -> LogSession:
    """Return the session of what is followed, told what the state beside a log says from the start.

    Parameters
    ----------
    source
        What is followed.
    given, more
        The further arguments of :class:`copilot_analytics.live.log_session.LogSession`.
    """
    path = source if isinstance(source, str) else source.path
    chosen = TrainerStates().choice(Path(path), 0.0) if Path(path).is_file() else {}
    return LogSession(path, *given, beside=telling(chosen), **more)


def telling(chosen: Mapping[str, Any]) -> Beside:
    """Return what tells a session from the start by which metric its best checkpoint is chosen.

    Parameters
    ----------
    chosen
        What `TrainerStates.choice` returned, which is nothing of the plan.
    """
    beside = Beside(plan=chosen)
    beside.states_plan = False
    return beside


def _states_near(log: Path) -> list[Path]:
    """Return the newest state of each folder of checkpoints: that of the log, and those in it."""
    folders = [log.parent]
    with suppress(OSError):
        folders += [one for one in islice(log.parent.iterdir(), _MOST_FOLDERS) if one.is_dir()]
    return [state for one in folders if (state := saved_state(one)) is not None and state != log]


def _chooses(state: Path) -> bool:
    """Tell whether a state may hold a best value: its names are sorted, and this one is early."""
    with state.open("rb") as stream:
        return _NO_CHOICE.search(stream.read(_HEAD)) is None
