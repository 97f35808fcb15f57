"""From what the user asks for to a supervisor that runs."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_analytics.alerts.channels._http import checked_url
from copilot_analytics.alerts.delivery import configured
from copilot_analytics.alerts.ledger import Ledger
from copilot_analytics.alerts.message import digest_of
from copilot_analytics.alerts.rules import PolicyOptions, QuietHours
from copilot_analytics.analyzers._base import Options
from copilot_analytics.errors import CopilotError, LogError, LogNotFoundError, UsageError
from copilot_analytics.findings import Severity
from copilot_analytics.live.awaited_logs import AwaitedLogs
from copilot_analytics.live.choosing import found_logs, named_logs
from copilot_analytics.live.finding import find_logs
from copilot_analytics.live.first_place import place_of
from copilot_analytics.live.follow_path import followed_path
from copilot_analytics.live.following import Following
from copilot_analytics.live.forgetting import forget_the_gone
from copilot_analytics.live.further_logs import FurtherLogs
from copilot_analytics.live.left_behind import left_behind
from copilot_analytics.live.log_families import later_logs
from copilot_analytics.live.new_starts import new_starts
from copilot_analytics.live.panel import PanelScreen
from copilot_analytics.live.processes import Writers, process_of
from copilot_analytics.live.recorded import journals_folder
from copilot_analytics.live.resumes import judge_next
from copilot_analytics.live.screen import PlainScreen, is_terminal
from copilot_analytics.live.supervisor import Supervisor
from copilot_analytics.reading.detect import format_named
from copilot_analytics.wording import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from copilot_analytics.alerts.channels._base import Channel
    from copilot_analytics.live.gpu_sampler import GpuSampler
    from copilot_analytics.live.watched import Screen

_LEAN_FROM = 20
_MOST_NAMED = 5
_AT_ONCE_S = 1e-3  # those alone that live are looked for
_INTERRUPTED = 130
_LEVELS = {str(level): level for level in Severity}


@dataclass(frozen=True)
class LiveOptions:
    """What the user asks for; the defaults are those of ``copilot live``.

    Parameters
    ----------
    logs
        Logs and directories of runs.
    auto, every, base
        Whether to look for the log, for all that grow, and where.
    wait_s
        How long to wait for a log to appear and to show training. None waits for a named log for
        ever, and lets `auto` take the newest if none is live.
    from_start
        Whether the past is told, as one digest.
    channels
        Settings of the channels by name: ``token``, ``chat``, ``slack``, ...
    heartbeat
        Address to ping.
    cooldown_s, quiet_hours
        See :class:`copilot_analytics.alerts.rules.PolicyOptions`.
    min_level
        ``warning``, or ``slack=critical,telegram=info``: what lies below is not sent.
    pid
        Process of the training.
    gpu
        Whether to read the devices.
    plain
        Whether plain lines are wanted even on a terminal.
    linger_s
        See :class:`copilot_analytics.live.supervisor.Supervisor`.
    analysis
        Options of the analysis.
    log_format
        Name of the format.
    """

    logs: tuple[Path, ...] = ()
    auto: bool = False
    every: bool = False
    base: Path | None = None
    wait_s: float | None = None
    from_start: bool = False
    channels: dict[str, Any] = field(default_factory=dict, repr=False)
    heartbeat: str | None = field(default=None, repr=False)
    cooldown_s: float = 600.0
    quiet_hours: str | None = None
    min_level: str | None = None
    pid: int | None = None
    gpu: bool = True
    plain: bool = False
    linger_s: float | None = None
    analysis: Options = field(default_factory=Options)
    log_format: str | None = None


def watch(options: LiveOptions) -> int:
    """Find the logs, watch them, and return an exit code that tells how it ended.

    Raises
    ------
    UsageError
        If the options contradict each other or a channel is set up wrongly.
    LogNotFoundError
        If there is no log, and none appears while it is waited for.
    LedgerError
        If the ledger of what was told cannot be used.
    """
    if options.auto == bool(options.logs):
        msg = "name a log or a directory, or let --auto look for one"
        raise UsageError(msg if not options.auto else "--auto looks by itself; name no log with it")
    if options.pid is not None and (len(options.logs) > 1 or options.every):
        msg = "--pid names the process of one log; leave it out to watch several"
        raise UsageError(msg)
    if options.every and not options.auto:
        msg = "--all belongs to --auto"
        raise UsageError(msg)
    if options.base is not None and not options.base.is_dir():
        msg = f"no such directory: {options.base}; --base-dir names where --auto looks"
        raise UsageError(msg)
    if options.log_format is not None:
        format_named(options.log_format)  # the log may be waited for
    if options.heartbeat is not None:
        checked_url(options.heartbeat, "the heartbeat")
    policy = PolicyOptions(cooldown_s=options.cooldown_s, quiet=quiet_hours(options.quiet_hours))
    channels = configured(os.environ, {"since": time.time(), **options.channels})
    floors = floors_of(options.min_level, [channel.name for channel in channels])
    plain = options.plain or not is_terminal(sys.stdout)
    note = PlainScreen().note
    if options.pid is not None and process_of("", options.pid).state in {"gone", "zombie"}:
        note(f"warning: there is no process {options.pid}; --pid names that of the training")
    ledger = Ledger()
    try:
        forget_the_gone(ledger, _journals(), time.time())
        try:
            paths = _paths(options, note, ledger)
        except KeyboardInterrupt:
            note("stopped while it waited; nothing was watched")
            return _INTERRUPTED
        sampler = _sampler() if options.gpu else None
        screen: Screen = PlainScreen() if plain else PanelScreen(sampler)
        single = options.auto and not options.every
        many = max(len(paths), len(options.logs)) >= _LEAN_FROM or options.every
        writers = Writers()
        distinct = {followed_path(path): path for path in paths}
        apart = {os.path.realpath(name) for name in distinct}
        follow = partial(_follow, options, ledger, writers, lean=many, apart=apart)
        followings = [follow(path) for path in distinct.values()]
        awaited = [path for path in options.logs if path not in paths]
        anew = new_starts(options.logs, followings, follow)

        def follow_awaited(path: Path) -> Following:
            following = follow(path)
            if path.is_dir():
                anew.note(path, following)
            return following

        find_more: Callable[[], list[Following] | None] | None = None
        if options.every:
            find_more = FurtherLogs(options.base, follow, apart, screen.note)
        elif awaited:
            find_more = AwaitedLogs(
                awaited, follow_awaited, apart, screen.note, options.wait_s, options.log_format
            )
        supervisor = Supervisor(
            followings,
            ledger,
            channels,
            screen,
            options=policy,
            tell_past=options.from_start,
            floors=floors,
            sampler=sampler,
            heartbeat=options.heartbeat,
            linger_s=options.linger_s,
            find_more=find_more,
            find_other=_other(options, ledger, writers) if single else anew,
            wait_s=options.wait_s,
        )
        if sampler is not None:
            sampler_clock(sampler, supervisor)
        return supervisor.run()
    finally:
        ledger.close()


def quiet_hours(text: str | None) -> QuietHours | None:
    """Read the quiet hours in local time, by the rules that hold at each moment.

    Examples
    --------
    >>> quiet_hours(None) is None, quiet_hours("23:00-07:00").start_min
    (True, 1380)
    """
    return QuietHours.parse(text, zone=None) if text else None


def floors_of(text: str | None, names: Sequence[str]) -> dict[str, Severity]:
    """Read the least severity of each channel.

    Examples
    --------
    >>> floors_of("warning", ["console", "slack"])
    {'slack': <Severity.WARNING: 2>}
    >>> floors_of("slack=critical", ["console", "slack"])
    {'slack': <Severity.CRITICAL: 3>}
    """
    floors: dict[str, Severity] = {}
    for part in (text or "").split(","):
        name, equals, level = part.strip().rpartition("=")
        if not part.strip():
            continue
        if level.strip().lower() not in _LEVELS:
            msg = f"--min-level {part.strip()!r} is none of {', '.join(_LEVELS)}"
            raise UsageError(msg)
        if equals and name.strip() not in names:
            msg = f"--min-level names {name.strip()!r}, which is not set up; there is: "
            raise UsageError(msg + ", ".join(names))
        named = [name.strip()] if equals else [one for one in names if one != "console"]
        floors.update(dict.fromkeys(named, _LEVELS[level.strip().lower()]))
    return floors


def prove(arguments: Mapping[str, Any], tell: Callable[[str], None]) -> bool:
    """Send a test message by each channel and tell where it went; return whether all worked."""
    from copilot_analytics.alerts.channels._base import ChannelError, Transient

    channels: list[Channel] = configured(os.environ, arguments)
    if all(channel.name == "console" for channel in channels):
        tell("only this terminal is set up; give --token/--chat, --slack, --discord or --webhook,")
        tell("or set TELEGRAM_TOKEN and TELEGRAM_CHAT")
        return False
    well = True
    for channel in channels:
        try:
            tell(f"✓ {channel.prove()}")
        except ChannelError as error:
            well = False
            then = _what_then(error.retry_after_s) if isinstance(error, Transient) else ""
            tell(f"✗ {channel.name}: {error}{then}")
        finally:
            channel.close()
    return well


def _what_then(wait_s: float | None) -> str:
    """Say what a channel that may work later means for a person who tries it."""
    if wait_s is None:
        return "; try again later, as a watch does by itself"
    return f"; try again after {duration(wait_s)}. A watch waits so long by itself, and sends then"


def sampler_clock(sampler: GpuSampler, supervisor: Supervisor) -> None:
    """Let samples speak the time of the log that they belong to."""
    from copilot_analytics.live.log_time import now_in_log_time

    def clock() -> float:
        runs = supervisor.runs
        utc = bool(runs) and runs[0].following.log.run.meta.time_is_utc
        return now_in_log_time(time_is_utc=utc)

    sampler.clock = clock  # the log is known only once it is read


def _sampler() -> GpuSampler:
    from copilot_analytics.live.gpu_sampler import GpuSampler

    return GpuSampler()


def _paths(options: LiveOptions, note: Callable[[str], None], ledger: Ledger) -> list[Path]:
    """Return what to follow, waiting for it if need be."""
    if not options.auto:
        places = ((path, place_of(_known_first(path, ledger))) for path in options.logs)
        followed = {path: Path(place.home) for path, place in places if place is not None}
        return named_logs(options.logs, note, options.wait_s, options.log_format, followed)
    left = left_behind(ledger, options.base, time.time()) if options.every else []
    if not left:
        return found_logs(options.base, note, options.wait_s, every=options.every)
    names = ", ".join(str(path) for path in left[:_MOST_NAMED])
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    note(f"watched before, and nobody has told how it ended: {names}{more}")
    with suppress(LogNotFoundError):
        return [*left, *found_logs(options.base, note, _AT_ONCE_S, every=True)]
    return left


def _follow(
    options: LiveOptions,
    ledger: Ledger,
    writers: Writers,
    path: Path,
    *,
    lean: bool,
    apart: Collection[str] = (),
) -> Following:
    return Following(
        path,
        options.analysis,
        first=_first(path, ledger),
        log_format=options.log_format,
        journals=_journals(),
        pid=options.pid,
        lean=lean,
        writers=writers,
        apart=apart,
    )


def _first(path: Path, ledger: Ledger) -> str:
    """Return where the run began that an earlier watch followed there; empty if none did."""
    return ledger.noted(f"first:{digest_of(followed_path(path))}") or ""


def _known_first(path: Path, ledger: Ledger) -> str:
    """Return the same of what may be a directory that holds no log yet."""
    try:
        return _first(path, ledger)
    except LogError:
        return ""


def _journals() -> Path | None:
    folder = journals_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def _other(
    options: LiveOptions, ledger: Ledger, writers: Writers
) -> Callable[[Following], Following | None]:
    """Return what finds the log that grows while the one that was taken does not.

    It has grown since the last look, or it was not there before. A new file in the folder of the
    log must be held open by a process: it may be a table that the run wrote when it was over.
    """
    sizes: dict[str, int] | None = None

    def find(current: Following) -> Following | None:
        nonlocal sizes
        search = find_logs(options.base, look_s=0.0, least_bytes=1)
        found = [one for one in search.candidates if not one.refusal]
        known = {one.path: one.size for one in search.candidates} if sizes is None else sizes
        sizes = known | {one.path: one.size for one in search.candidates}
        own = Path(current.file or current.path).parent
        for one in found:
            whole = Path(one.path).absolute()
            begins = one.path not in known and (one.is_held or not whole.is_relative_to(own))
            grows = one.grows or one.size > known.get(one.path, one.size)
            try:
                if (begins or grows) and not _may_continue(current, one.path):
                    return _follow(options, ledger, writers, Path(one.path), lean=False)
            except (CopilotError, OSError):
                continue
        return None

    return find


def _may_continue(current: Following, path: str) -> bool:
    """Tell whether a log is of the run that is followed, or may yet show that it is."""
    if followed_path(path) == current.path:
        return True
    whole = Path(path).absolute()
    file = Path(current.file or current.path)
    return whole in later_logs(file) and judge_next(file, whole)[0] == "open"
