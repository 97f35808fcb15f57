"""The time of a supervisor that lives faster than the machine that it runs on."""

from __future__ import annotations

import time
from types import SimpleNamespace

from copilot_analytics.live import courier, following, starting, supervisor
from copilot_analytics.live.follow_directory import RunDirectory

SPEED = 100.0  # seconds of the supervisor in a second


class FastClock:
    """The time of a supervisor that lives faster, the same in all processes of a round."""

    def __init__(self) -> None:
        self._began, self._wall = time.monotonic(), time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return (time.monotonic() - self._began) * SPEED

    def wall(self) -> float:
        """Return seconds since 1970."""
        return self._wall + self.monotonic()

    def rule(self) -> None:
        """Make the supervisor of this process, made for that, live by this clock."""
        wait = time.sleep
        shim = SimpleNamespace(
            time=self.wall, monotonic=self.monotonic, sleep=lambda s: wait(s / SPEED)
        )
        for module in (courier, following, starting, supervisor):
            module.time = shim
        courier._PAUSE_S = tuple(pause_s / SPEED for pause_s in courier._PAUSE_S)
        for kind in (
            courier.Courier, following.Following, supervisor.Supervisor, RunDirectory,
        ):  # fmt: skip
            defaults = kind.__init__.__kwdefaults__
            defaults.update({"wall": self.wall} if "wall" in defaults else {})
            defaults.update({"clock": self.monotonic} if "clock" in defaults else {})
