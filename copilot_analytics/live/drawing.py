"""Draws a figure of a log in a process of its own, which gives its memory back when it ends.

``python -m copilot_analytics.live.drawing LOG overview`` writes a PNG to standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

FIGURES = ("overview", "loss", "metric", "speed", "memory")

_PATIENCE_S = 120.0
_SECRETS = ("TOKEN", "WEBHOOK", "SECRET", "PASSWORD", "API_KEY")
_MOST_BYTES = 10 << 20


def draw_apart(log: str, name: str) -> bytes | None:
    """Draw a figure in a child process.

    Parameters
    ----------
    log
        The log.
    name
        One of `FIGURES`.

    Returns
    -------
    bytes or None
        The PNG; None if the log has nothing to draw, or drawing failed.
    """
    if name not in FIGURES:
        return None
    environment = {
        key: setting
        for key, setting in os.environ.items()
        if not any(word in key.upper() for word in _SECRETS)
    }
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "copilot_analytics.live.drawing", log, name],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    drawn = done.stdout
    sound = done.returncode == 0 and drawn.startswith(b"\x89PNG") and len(drawn) <= _MOST_BYTES
    return drawn if sound else None


def main() -> int:
    """Draw what the arguments name."""
    from copilot_analytics.analysis import Analysis
    from copilot_analytics.errors import CopilotError
    from copilot_analytics.live.recorded import read_to_end, recorded
    from copilot_analytics.report import figure_data, figures
    from copilot_analytics.report.overview import draw_analysis

    with suppress(OSError):
        os.nice(10)
    log, name = sys.argv[1:3]
    try:
        read = recorded(log, journals=False)
        read_to_end(read)
        read.close(silence_s=0.0)
    except CopilotError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    analysis = Analysis.of(read.session)
    if name == "overview":
        figure = draw_analysis(analysis)
    elif name == "loss":
        figure = figures.draw_loss(figure_data.loss_figure(analysis))
    elif name == "metric":
        metric = figure_data.metric_figure(analysis)
        if metric is None:
            return 1
        figure = figures.draw_metric(metric)
    else:
        series = (
            figure_data.speed_figure(analysis.run)
            if name == "speed"
            else figure_data.memory_figure(analysis)
        )
        if series is None:
            return 1
        figure = figures.draw_series(series)
    stream = BytesIO()
    figures.to_png(figure, stream)
    sys.stdout.buffer.write(stream.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
