"""What the supervisor does about a command from a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot_analytics.alerts.channels._commands import HELP
from copilot_analytics.live import answers, mutes
from copilot_analytics.live.asked_runs import asked_for, named, title, worth_seeing
from copilot_analytics.wording import duration, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot_analytics.alerts.channels._commands import Command
    from copilot_analytics.live.courier import Chat, Courier
    from copilot_analytics.live.watched import Watched

    Draw = Callable[[Watched, str], bytes | None]

_FIGURES = ("loss", "metric")
_MOST_DRAWN = 3
_WRITERS = {"status": answers.status, "eta": answers.eta, "why": answers.why}


def obey(
    chat: Chat,
    command: Command,
    runs: Sequence[Watched],
    now: float,
    courier: Courier,
    draw: Draw,
) -> None:
    """Answer a command; ``mute`` and ``unmute`` take effect at once.

    Parameters
    ----------
    chat
        Where it came from.
    command
        The command.
    runs
        All that are watched.
    now
        Seconds since 1970.
    courier
        Sends the answer: words at once, each figure when nothing more urgent is to be sent.
    draw
        Draws a figure of a run.
    """
    asked, problem = list(runs), ""
    if command.about:
        asked, problem = asked_for(command.about, runs)
    if command.name == "plot" and not problem:
        _plot(chat, worth_seeing(asked, now), now, courier, draw)
        return
    text = problem or _text(command, asked, now, courier)
    courier.answer(lambda: chat.reply(text))


def _text(command: Command, runs: Sequence[Watched], now: float, courier: Courier) -> str:
    if command.problem:
        return f"{command.problem}\n{HELP}"
    if command.name == "mute":
        for_s = command.duration_s or 3600.0
        mutes.mute(runs, courier.ledger, now, now + for_s)
        return f"🔕 only what is critical for {duration(for_s)}; /unmute takes it back"
    if command.name == "unmute":
        mutes.unmute(runs, courier.ledger, courier.names, now)
        courier.wake()
        return "🔔 you hear everything again"
    write = _WRITERS.get(command.name)
    if write is None:
        return HELP
    texts = [write(watched, now) for watched in runs[: answers.MOST_RUNS]]
    if len(runs) > answers.MOST_RUNS:
        texts.append(f"… and {plural(len(runs) - answers.MOST_RUNS, 'more run')}")
    return "\n\n".join(texts) or "nothing is watched yet"


def _plot(chat: Chat, runs: Sequence[Watched], now: float, courier: Courier, draw: Draw) -> None:
    shown, left_out = runs[:_MOST_DRAWN], runs[_MOST_DRAWN:]
    if not shown:
        courier.answer(lambda: chat.reply("there is nothing to draw yet"))
    if left_out:
        text = f"figures of {named(shown)} follow, those of {named(left_out)} do not: /plot NAME"
        courier.answer(lambda: chat.reply(text))
    for watched in shown:
        for job in _drawings(chat, watched, draw):
            courier.show(job)


def _drawings(chat: Chat, watched: Watched, draw: Draw) -> list[Callable[[], None]]:
    """Return what draws and sends the figures of a run, one by one."""
    drawn: list[str] = []

    def job(name: str) -> None:
        png = draw(watched, name)
        if png:
            drawn.append(name)
            chat.send_figure(png, f"{title(watched)}: {_caption(watched, name)}")
        elif name == _FIGURES[-1] and not drawn:
            chat.reply(f"{title(watched)}: there is nothing to draw yet")

    return [lambda name=name: job(name) for name in _FIGURES]  # type: ignore[misc]  # bound now


def _caption(watched: Watched, name: str) -> str:
    if name == "loss":
        return "training loss, learning rate and phases"
    return f"{watched.analysis.metric.name} with its best and its forecast"
