"""What stands on the terminal: one calm panel, or plain lines where there is no terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from copilot_analytics.alerts.rules import opens
from copilot_analytics.events import ENDED, OUTDONE
from copilot_analytics.live import answers
from copilot_analytics.live.run_names import near
from copilot_analytics.live.sparkline import Curve
from copilot_analytics.wording import duration, number, plural, undated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from copilot_analytics.analyzers.eta import Eta
    from copilot_analytics.events import Event
    from copilot_analytics.live.gpu_sampler import GpuSampler
    from copilot_analytics.live.watched import Watched

_AGAIN = "going on; it was supervised before"
_REFRESH_S = 1.0
_REFRESH_MANY_S = 5.0
_PLAIN_STATUS_S = 600.0
_UNSEEN_S, _UNSEEN_LOOK_S = 60.0, 5.0
_COLOURS = {
    "running": "green",
    "evaluating": "cyan",
    "finished": "bold green",
    "buffered": "yellow",
    "interrupted": "yellow",
    "stalled": "bold red",
    "crashed": "bold red",
}
_COLUMNS = (("run", 8), ("state", 8), ("phase", 3), ("progress", 3), ("left", 3), ("best", 3))
_CALM = frozenset({"running", "evaluating", "finished", "waiting"})
_PHASE_COLOURS = {
    "DIVERGING": "bold red",
    "OVERFITTING_RISK": "magenta",
    "PLATEAU": "yellow",
    "CONVERGED": "blue",
}


def harmless(text: str) -> str:
    r"""Make text from a log safe for a terminal.

    Examples
    --------
    >>> harmless("a\x1b[31mb")
    'a [31mb'
    """
    return "".join(c if c.isprintable() else " " for c in text)


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a panel can be drawn on a stream."""
    try:
        return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    except (OSError, ValueError):
        return False


class PlainScreen:
    """Plain lines, one an event; messages are written by the console channel.

    Parameters
    ----------
    stream
        Where events go; None means standard output.
    notes
        Where remarks about the supervision go; None means standard error.

    Examples
    --------
    >>> PlainScreen(notes=sys.stdout).note("going on")
    copilot: going on
    """

    def __init__(self, stream: TextIO | None = None, notes: TextIO | None = None) -> None:
        self._stream, self._notes = stream, notes
        self._next_status = float("inf")
        self._said_at = float("-inf")
        self._told: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Begin to show."""
        self._next_status = time.monotonic() + _PLAIN_STATUS_S

    def tell(self, watched: Watched, event: Event) -> None:
        """Write an event, unless the message about it says the same.

        That a finding holds no longer is for those who read here that it did, unless a worse one
        took its place: that one says so.
        """
        told = watched.following.path, event.key
        if opens(event) or (event.kind == "resolved" and told not in self._told):
            return
        if event.kind == "finding":
            self._told.add(told)
        elif event.kind == "resolved":
            self._told.discard(told)
            if event.text.startswith(OUTDONE):
                return
        self._write(self._stream or sys.stdout, f"{clock(event)}{name_of(watched)}{event.text}")

    def note(self, text: str) -> None:
        """Write a remark."""
        self._write(self._notes or sys.stderr, f"copilot: {near(text)}")

    def take_up(self, watched: Watched, now: float, *, again: bool) -> None:
        """Write one line on how a run stands, and the verdict if it has ended."""
        if again:
            self.note(f"{watched.name}: {_AGAIN}")
            self._status(watched, now)
        if watched.following.status in ENDED:
            self._write(self._stream or sys.stdout, f"{name_of(watched)}{_verdict(watched)}")

    def show(self, runs: Sequence[Watched], now: float) -> float:
        """Write now and then how things are."""
        if time.monotonic() >= self._next_status:
            self._next_status = time.monotonic() + _PLAIN_STATUS_S
            for watched in runs[:20]:
                self._status(watched, now)
        unseen = [watched for watched in runs if waits_for(watched)]
        if not unseen:
            return 60.0
        if now - self._said_at >= _UNSEEN_S:
            self._said_at = now
            for watched in unseen[:5]:
                self.note(f"{watched.following.path}: {waits_for(watched)}; Ctrl-C ends the watch")
        return _UNSEEN_LOOK_S

    def stop(self) -> None:
        """Write no more."""
        self._next_status = float("inf")

    def _status(self, watched: Watched, now: float) -> None:
        text = answers.status(watched, now).replace("\n", " · ")
        self._write(self._stream or sys.stdout, text)

    def _write(self, stream: TextIO, text: str) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        line = harmless(text).encode(encoding, "replace").decode(encoding)
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more; the other channels go on


def clock(event: Event) -> str:
    """Write the time of an event by the clock of its log; empty if it has none.

    A log that counts from its own start says for how long it has run.
    """
    if event.time is None:
        return ""
    if undated(event.time) is not None:
        return f"+{duration(event.time)} "
    from datetime import UTC, datetime

    return datetime.fromtimestamp(event.time, UTC).strftime("%H:%M:%S ")


def waits_for(watched: Watched) -> str:
    """Say what is waited for before a run is known; empty if nothing, or while it is read."""
    following = watched.following
    if watched.given_up or following.log.run_key:
        return ""
    if following.missing:
        return "" if os.path.exists(following.path) else "waiting for the log"  # noqa: PTH110
    if not following.caught_up:
        return ""
    if following.is_unknown:
        return f"no training seen yet in {plural(following.log.lines, 'line')}"
    return "waiting for the first training line"


def name_of(watched: Watched) -> str:
    """Write the name of a run before its news."""
    name = watched.name or watched.following.log.name
    return f"{name}: " if name else ""


def _verdict(watched: Watched) -> str:
    from copilot_analytics.report.verdict import verdict

    return verdict(watched.analysis)


class PanelScreen:
    """One panel at the bottom of the terminal; messages scroll above it.

    Parameters
    ----------
    sampler
        Whose devices are shown.
    """

    def __init__(self, sampler: GpuSampler | None = None) -> None:
        self._sampler = sampler
        self._live: Any = None
        self._notes: list[str] = []
        self._shown: object = None

    def start(self) -> None:
        """Begin to show."""
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, soft_wrap=False)
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=True)
        self._live.start()

    def tell(self, watched: Watched, event: Event) -> None:
        """Take an event for the next refresh; the panel reads it from the run."""
        self._shown = None

    def note(self, text: str) -> None:
        """Keep a remark in the panel, the newest about each log or channel."""
        text = harmless(near(text))
        about = text.partition(": ")[0]
        others = [note for note in self._notes if note.partition(": ")[0] != about]
        self._notes = [*others[-2:], text]
        self._shown = None

    def take_up(self, watched: Watched, now: float, *, again: bool) -> None:
        """Say that an earlier watch is continued; the panel shows how the run stands."""
        if again:
            self.note(f"{watched.name}: {_AGAIN}")
        if watched.following.status in ENDED:
            self.note(f"{watched.name}: {_verdict(watched)}")

    def show(self, runs: Sequence[Watched], now: float) -> float:
        """Draw the panel anew."""
        if self._live is None:
            return _REFRESH_S
        content = _one(runs[0], now, self._sampler) if len(runs) == 1 else _many(runs, now)
        self._live.update(_framed(content, self._notes), refresh=True)
        return _REFRESH_S if len(runs) <= 8 else _REFRESH_MANY_S

    def stop(self) -> None:
        """Leave the last panel standing and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def _framed(content: Any, notes: list[str]) -> Any:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    remarks = [Text(f"· {note}", style="dim", overflow="ellipsis", no_wrap=True) for note in notes]
    hint = "Ctrl-C ends the watch, not the training"
    return Panel(Group(content, *remarks), title="copilot", title_align="left", subtitle=hint,
                 subtitle_align="right", border_style="dim")  # fmt: skip


def _one(watched: Watched, now: float, sampler: GpuSampler | None) -> Any:
    """Draw one run: state, progress, time left, curves, events."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    following = watched.following
    if not watched.following.log.run_key:
        return Text(f"{harmless(near(following.path))}: {waits_for(watched) or 'reading'}")
    from copilot_analytics.report.wording import extent, place

    analysis = watched.analysis
    run, metric = analysis.run, analysis.metric
    life, phase = answers.state(watched, now), str(analysis.phases.current.value)
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(harmless(watched.name), style="bold")
    head.append("   ")
    head.append(life, style=_COLOURS.get(life, ""))
    head.append(" · ")
    head.append(phase.replace("_", " ").lower(), style=_PHASE_COLOURS.get(phase, ""))
    silence_s = following.silence_s(now)
    if silence_s > 30 and life not in answers.AT_REST:
        head.append(f" · {answers.quiet(watched, now)}", style="dim")
    rows = Table.grid(padding=(0, 2), expand=True)
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    rows.add_row("progress", _progress(run.progress, extent(run)))
    rests = life in {*answers.AT_REST, "silent"}
    if rests:
        rows.add_row(*answers.at_rest(watched, now))
    else:
        rows.add_row("time left", _time_left(analysis.eta.after(silence_s)))
    losses = run.loss_names
    if losses:
        column = run.train_series(losses[0]).value
        rows.add_row(losses[0], Curve(column, number(float(column[-1]))))
    if metric.name is not None:
        column = run.eval_series(metric.name).value
        text = number(float(column[-1])) if len(column) else "–"
        if metric.best is not None:
            text += f"   best {number(metric.best)} at "
            text += place(run, metric.best_step, metric.best_epoch)
        rows.add_row(harmless(metric.name), Curve(column, text))
    idle = rests and analysis.stop.advice in {"continue", "wait"}
    if analysis.stop.advice != "none" and not idle:
        rows.add_row("advice", harmless(f"{analysis.stop.advice}: {analysis.stop.reason}"))
    if sampler is not None and sampler.available:
        rows.add_row("devices", harmless(_devices(run)))
    news = list(watched.recent)[-5:]
    parts: list[Any] = [head, rows, *([Text("")] if news else [])]
    for nth, event in enumerate(news, 1):
        colour = {1: "", 2: "yellow", 3: "bold red"}[int(event.severity)]
        line = Text(f"{clock(event)}{harmless(event.text)}", style=colour)
        # There is room for the whole of the newest alone.
        line.no_wrap, line.overflow = nth < len(news), "ellipsis"
        parts.append(line)
    return Group(*parts)


def _progress(progress: float | None, extent: str) -> str:
    if progress is None:
        return f"{extent}; the plan is unknown"
    done = min(max(progress, 0.0), 1.0)
    full = math.floor(30 * done + 1e-6)
    percent = math.floor(100 * done + 1e-6)  # it is at the end only where nothing is left
    return f"{'━' * full}{'╌' * (30 - full)}  {percent} %   {extent}"


def _time_left(eta: Eta) -> str:
    if eta.remaining_s is None:
        return "unknown: " + next((gap.why for gap in eta.not_judged), "no plan in the log")
    return duration(eta.remaining_s) + (f"   {eta.bounds}" if eta.bounds else "")


def _devices(run: Any) -> str:
    """Write the newest sample of each device."""
    log = run.gpu_log
    names = log.metric_names
    parts = []
    for name, unit in (
        ("gpu_utilization_pct", "% busy"),
        ("gpu_memory_used_mib", "MiB"),
        ("gpu_temperature_c", "°C"),
        ("gpu_power_w", "W"),
    ):
        if name in names:
            column = run.gpu_log.series(name).value
            if len(column):
                parts.append(f"{number(float(column[-1]), 3)} {unit}")
    return " · ".join(parts) or "no sample yet"


def _many(runs: Sequence[Watched], now: float) -> Any:
    """Draw one line for each run, the troubled ones first."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, expand=True, pad_edge=False)
    for title, least in _COLUMNS:
        # Where there is little room the name and the state are what is read.
        table.add_column(
            title, no_wrap=True, overflow="ellipsis", header_style="dim", min_width=least
        )
    ranked = sorted(runs, key=lambda watched: watched.following.status in _CALM)
    for watched in ranked[:30]:
        if not watched.following.log.run_key:
            table.add_row(harmless(near(watched.following.path)), "waiting")
            continue
        analysis = watched.analysis
        life, phase = answers.state(watched, now), str(analysis.phases.current.value)
        done = analysis.run.progress
        eta = analysis.eta.after(watched.following.silence_s(now))
        left = None if life in answers.AT_REST else eta.remaining_s
        best = analysis.metric.best
        table.add_row(
            harmless(watched.name),
            Text(life, style=_COLOURS.get(life, "")),
            Text(phase.replace("_", " ").lower(), style=_PHASE_COLOURS.get(phase, "")),
            "–" if done is None else f"{math.floor(100 * min(done, 1.0) + 1e-6)} %",
            "–" if left is None else duration(left),
            number(best),
        )
    if len(runs) > 30:
        table.add_row(f"… and {len(runs) - 30} more")
    return table
