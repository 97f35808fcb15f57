"""The panel on a terminal: one run in full, or a line for each of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from copilot_analytics.events import ENDED
from copilot_analytics.live import answers
from copilot_analytics.live.run_names import near
from copilot_analytics.live.screen import AGAIN, clock, harmless, verdict_of, waits_for
from copilot_analytics.live.sparkline import Curve
from copilot_analytics.wording import duration, in_words, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot_analytics.analyzers.eta import Eta
    from copilot_analytics.events import Event
    from copilot_analytics.live.gpu_sampler import GpuSampler
    from copilot_analytics.live.watched import Watched

_REFRESH_S = 1.0
_REFRESH_MANY_S = 5.0
_COLOURS = {
    "running": "green",
    "evaluating": "cyan",
    "finished": "bold green",
    "buffered": "yellow",
    "interrupted": "yellow",
    "stalled": "bold red",
    "crashed": "bold red",
}
_COLUMNS = ("run", "state", "phase", "progress", "left", "best")
_BAR = 20
_LEAST_ROOM = {"best": 72, "phase": 60}  # narrower terminals do without
_SHORTEST_NAME = 12
_GAP = 2  # between columns
_CALM = frozenset({"running", "evaluating", "finished", "waiting"})
_ECHO = len("^C")  # which a terminal would write below the frame, that then is drawn a line off
_PHASE_COLOURS = {
    "DIVERGING": "bold red",
    "OVERFITTING_RISK": "magenta",
    "PLATEAU": "yellow",
    "CONVERGED": "blue",
}


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
        self._shows_many = False

    def start(self) -> None:
        """Begin to show."""
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, soft_wrap=False)
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=True)
        self._live.start()

    def tell(self, watched: Watched, event: Event) -> None:
        """Keep an event below a table of runs; the panel of one reads it from the run."""
        if self._shows_many:
            self.note(f"{watched.name}: {event.text}")

    def note(self, text: str) -> None:
        """Keep a remark in the panel, the newest about each log or channel."""
        text = harmless(near(text))
        about = text.partition(": ")[0]
        others = [note for note in self._notes if note.partition(": ")[0] != about]
        self._notes = [*others[-2:], text]

    def take_up(self, watched: Watched, now: float, *, end_is_told: bool) -> None:
        """Say that an earlier watch is continued; the panel shows how the run stands."""
        self.note(f"{watched.name}: {AGAIN}")
        if end_is_told and watched.following.status in ENDED:
            self.note(f"{watched.name}: {verdict_of(watched)}")

    def show(self, runs: Sequence[Watched], now: float) -> float:
        """Draw the panel anew."""
        if self._live is None:
            return _REFRESH_S
        from rich.constrain import Constrain

        self._shows_many = len(runs) > 1
        content = _one(runs[0], now, self._sampler) if len(runs) == 1 else _Runs(runs, now)
        width = max(self._live.console.width - _ECHO, 1)
        self._live.update(Constrain(_framed(content, self._notes), width), refresh=True)
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
    head.append(life, style=_COLOURS.get(life, ""))
    head.append(" · ")
    head.append(in_words(phase), style=_PHASE_COLOURS.get(phase, ""))
    silence_s = following.silence_s(now)
    if silence_s > 30 and life not in answers.AT_REST:
        head.append(f" · {answers.quiet(watched, now)}", style="dim")
    head.append(f"   {harmless(watched.name)}", style="bold")
    rows = Table.grid(padding=(0, 2), expand=True)
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    rows.add_row("progress", _progress(run.progress, extent(run)))
    rests = life in {*answers.AT_REST, "silent"}
    if rests:
        rows.add_row(*answers.at_rest(watched, now))
    else:
        rows.add_row(
            "time left",
            Text(_time_left(analysis.eta.after(silence_s)), no_wrap=False, overflow="fold"),
        )
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
        reason = harmless(f"{answers.advised(analysis)}: {analysis.stop.reason}")
        rows.add_row("advice", Text(reason, no_wrap=False, overflow="fold"))
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
    full = math.floor(_BAR * done + 1e-6)
    percent = math.floor(100 * done + 1e-6)  # it is at the end only where nothing is left
    return f"{percent:>3} %  {'━' * full}{'╌' * (_BAR - full)}  {extent}"


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


class _Runs:
    """A table of runs, the troubled ones first, in what room there is."""

    def __init__(self, runs: Sequence[Watched], now: float) -> None:
        ranked = sorted(runs, key=lambda watched: watched.following.status in _CALM)
        self._rows = [_row(watched, now) for watched in ranked[:30]]
        self._left_out = len(runs) - len(self._rows)

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        room = options.max_width
        shown = [name for name in _COLUMNS if room >= _LEAST_ROOM.get(name, 0)]
        widths = {
            name: max(cell_len(name), *(cell_len(row[name][0]) for row in self._rows))
            for name in shown
        }
        table = Table(box=None, expand=True, pad_edge=False)
        for name in shown:
            table.add_column(name, no_wrap=True, overflow="ellipsis", header_style="dim")
        others = sum(width for name, width in widths.items() if name != "run")
        for_name = max(room - others - _GAP * (len(shown) - 1), _SHORTEST_NAME)
        for row in self._rows:
            cells = [Text(*row[name]) for name in shown[1:]]
            table.add_row(Text(_cut(row["run"][0], for_name)), *cells)
        if self._left_out:
            table.add_row(f"… and {self._left_out} more")
        yield table


def _cut(name: str, room: int) -> str:
    """Leave out the middle of a name: those of one sweep begin alike, and often end alike.

    Examples
    --------
    >>> _cut("resnet50_lr0.001_seed0", 12)
    'resnet…seed0'
    """
    if len(name) <= room:
        return name
    end = (room - 1) // 2
    return f"{name[: room - 1 - end]}…{name[len(name) - end :]}"


def _row(watched: Watched, now: float) -> dict[str, tuple[str, str]]:
    """Return the cells of a run, each with its style."""
    if not watched.following.log.run_key:
        empty = dict.fromkeys(_COLUMNS, ("", ""))
        return empty | {
            "run": (harmless(near(watched.following.path)), ""),
            "state": ("crashed", _COLOURS["crashed"])
            if watched.stillborn.words
            else ("waiting", ""),
        }
    analysis = watched.analysis
    life, phase = answers.state(watched, now), str(analysis.phases.current.value)
    done = analysis.run.progress
    eta = analysis.eta.after(watched.following.silence_s(now))
    left = None if life in answers.AT_REST else eta.remaining_s
    return {
        "run": (harmless(watched.name), ""),
        "state": (life, _COLOURS.get(life, "")),
        "phase": (in_words(phase), _PHASE_COLOURS.get(phase, "")),
        "progress": ("–" if done is None else f"{math.floor(100 * min(done, 1.0) + 1e-6)} %", ""),
        "left": ("–" if left is None else duration(left), ""),
        "best": (number(analysis.metric.best), ""),
    }
