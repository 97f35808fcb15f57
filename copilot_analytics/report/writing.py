"""Writes a report and its figures into a directory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_analytics.errors import CopilotError
from copilot_analytics.report.figure_data import (
    loss_figure,
    memory_figure,
    metric_figure,
    speed_figure,
)
from copilot_analytics.report.figures import draw_loss, draw_metric, draw_series, to_png
from copilot_analytics.report.gpu_figure import draw_gpu, gpu_figure
from copilot_analytics.report.markdown import name_of, render, source_line

if TYPE_CHECKING:
    from copilot_analytics.analysis import Analysis

_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


def write_report(analysis: Analysis, directory: str | Path) -> Path:
    """Write ``NAME/report.md`` and its figures; replace an earlier report of the same name.

    Returns
    -------
    Path
        The Markdown file.

    Raises
    ------
    CopilotError
        If the directory cannot be written.
    """
    home = _home(Path(directory), analysis)
    try:
        home.mkdir(parents=True, exist_ok=True)
        figures = _write_figures(analysis, home)
        report = home / "report.md"
        _replace(report, render(analysis, figures).encode("utf-8", errors="replace"))
    except OSError as error:
        msg = (
            f"cannot write the report to {home}: {error.strerror or error}; "
            "name another directory with -o"
        )
        raise CopilotError(msg) from error
    return report


def _home(directory: Path, analysis: Analysis) -> Path:
    """Choose a directory by the run's name, but not one that holds another log's report."""
    name, path = slug(name_of(analysis)), analysis.run.path
    home = directory / name
    try:
        earlier = (home / "report.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return home
    if any(source_line(one) in earlier for one in _spellings(path)):
        return home
    digest = hashlib.sha256(_absolute(path).encode("utf-8", errors="replace")).hexdigest()
    return directory / f"{name}-{digest[:6]}"


def _spellings(path: str) -> list[str]:
    """Return a path as it is given, from the root, and from the current directory."""
    try:
        return [path, _absolute(path), os.path.relpath(path)] if path else [path]
    except (OSError, ValueError):  # on another drive, or the directory is gone
        return [path]


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path) if path else path  # noqa: PTH100  # links stay as they are
    except OSError:
        return path


def slug(name: str) -> str:
    """Make a name from a log safe as a directory name.

    Examples
    --------
    >>> slug("../../etc/My run: 3"), slug("CON"), slug("")
    ('etc-My-run-3', 'run-CON', 'run')
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80].rstrip("-.")
    if _RESERVED.match(safe.partition(".")[0]):
        safe = f"run-{safe}"
    return safe or "run"


def _write_figures(analysis: Analysis, home: Path) -> dict[str, str]:
    metric = metric_figure(analysis)
    speed = speed_figure(analysis.run)
    memory = memory_figure(analysis)
    loss = loss_figure(analysis)
    gpu = gpu_figure(analysis)
    drawn = {
        "loss": draw_loss(loss) if loss.loss is not None or loss.bands else None,
        "metric": draw_metric(metric) if metric is not None and len(metric.x) else None,
        "speed": draw_series(speed) if speed is not None else None,
        "memory": draw_series(memory) if memory is not None else None,
        "gpu": draw_gpu(gpu) if gpu is not None else None,
    }
    paths = {}
    for name, figure in drawn.items():
        target = home / f"{name}.png"
        if figure is None:
            target.unlink(missing_ok=True)
            continue
        with tempfile.TemporaryFile() as stream:
            to_png(figure, stream)
            stream.seek(0)
            _replace(target, stream.read())
        paths[name] = target.name
    return paths


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
