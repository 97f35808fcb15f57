"""One log that is followed: a tailer reads it, a session judges it, and its silence too."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer, at_eval
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.arrivals import is_worth_noting
from copilot_analytics.errors import UnreadableLogError
from copilot_analytics.events import ENDED
from copilot_analytics.live.busy_devices import BusyDevices
from copilot_analytics.live.first_place import first_place, place_of
from copilot_analytics.live.follow_path import source_of
from copilot_analytics.live.follow_resumes import ResumedLogs
from copilot_analytics.live.liveness import Silence, judge_silence, judge_start
from copilot_analytics.live.next_start import NextStart
from copilot_analytics.live.pauses import Pauses
from copilot_analytics.live.pieces import Began, Bytes
from copilot_analytics.live.quiet_logs import has_said_all, is_of_the_past, tick_after
from copilot_analytics.live.rewriting import Rereading
from copilot_analytics.live.sibling_logs import ENDINGS, SiblingLogs
from copilot_analytics.live.staying import Staying
from copilot_analytics.live.steady_clock import SleepMeter
from copilot_analytics.live.tail import Tailer
from copilot_analytics.live.trainer_states import told_session
from copilot_analytics.live.writer_search import WriterSearch
from copilot_analytics.records import Block, Item, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.events import Event
    from copilot_analytics.live.log_session import LogSession
    from copilot_analytics.live.processes import ProcessState, Writers

_FIRST_LOOK_S = 15.0
_LOOK_EVERY = 0.25  # of the silence so far
_LOOKS_S, _FAILED_LOOKS_S = (5.0, 60.0), (1.0, 60.0)


class Following:
    """Follows one log, or the directory to which each start of a training adds one.

    Parameters
    ----------
    path
        A log or a directory of runs; either need not exist yet.
    options
        What the user asks for.
    first
        Where an earlier supervisor began to read this run, as `first` gave it; with that a
        restart reads the same files in the same order.
    journals
        Folder of the journals; None keeps none.
    pid
        The process of the training, if the user names it.
    lean
        Hold no file open, for hundreds of logs.
    writers
        Who holds which log open, shared by those who follow many; None looks for this log alone.
    apart
        Absolute paths of logs that are followed for themselves; more may be added.
    wall, clock
        Seconds since 1970, and seconds that never run backwards.

    Attributes
    ----------
    caught_up : bool
        Whether all that was there at the start has been read.
    first : str
        Where the run began, to be kept for a restart; empty if unknown.
    silence : Silence or None
        How the silence was judged last; None while the log grows.
    notices : list of str
        What the user should be told on the screen; whoever reads it clears it.

    Examples
    --------
    >>> following = Following("no/such.log")
    >>> following.step(0.0)
    []
    >>> following.missing
    True
    """

    def __init__(
        self,
        path: str | Path,
        options: Options | None = None,
        *,
        first: str = "",
        log_format: str | None = None,
        journals: Path | None = None,
        pid: int | None = None,
        lean: bool = False,
        writers: Writers | None = None,
        apart: Collection[str] = (),
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source_of(path, apart)
        if isinstance(self.source, ResumedLogs):
            self.source.clock, self.source.wall = clock, wall
        self.path = self.source if isinstance(self.source, str) else self.source.path
        self.first = first
        self.caught_up = False
        self.silence: Silence | None = None
        self.notices: list[str] = []
        self.grown_at: float | None = None
        self._options = options
        make = partial(told_session, self.source, options, before=self._before)
        make = partial(make, log_format=log_format, journals=journals)
        self._reading = Rereading(make, self._go_to, log_format, clock)
        self._writer, self._wall = WriterSearch(pid, writers), wall
        self._next, self.staying = NextStart(self.source, writers), Staying(writers)
        self._slept_s = SleepMeter(clock)
        self._tailer = Tailer(self.source, clock=clock, resume=place_of(first), lean=lean)
        self._next_look_s = _FIRST_LOOK_S
        self._devices, self._pauses = BusyDevices(), Pauses()
        self._told_gone = self._placed = self._is_elsewhere = self._has_moved = False
        self._home = self._told_died = ""
        self._resumed_after: int | None = None  # lines read before the log of a resume began
        self._siblings, self._lean = SiblingLogs(lean=lean), lean

    @property
    def missing(self) -> bool:
        """Whether there is no log yet."""
        return self._tailer.file is None

    @property
    def is_unknown(self) -> bool:
        """Whether what was read so far looks like no training log."""
        return (self.caught_up or self.missing) and not self.log.known

    @property
    def file(self) -> str | None:
        """The file being read."""
        return self._tailer.file

    @property
    def log(self) -> LogSession:
        """What was read, and what it means."""
        return self._reading.log

    @property
    def _place(self) -> str:
        return self.file or self.path

    @property
    def process(self) -> ProcessState:
        """What is known of the process that writes the log."""
        return self._writer.state

    @process.setter
    def process(self, state: ProcessState) -> None:
        self._writer.state = state

    @property
    def wait_s(self) -> float:
        """So long the next step may wait."""
        reading = not (self.caught_up or self.missing or self._tailer.is_between)
        return 0.0 if reading else min(self._tailer.wait_s, self._reading.wait_s)

    @property
    def status(self) -> str:
        """State of the run, see :class:`copilot_analytics.analyzers.lifecycle.Lifecycle`."""
        return self.log.session.results.of(LifecycleAnalyzer).status

    @property
    def liveness(self) -> str:
        """State of the run with what its silence adds: ``evaluating``, ``buffered``."""
        status, silence = self.status, self.silence
        if silence is None or status not in {"running", "evaluating"}:
            return status
        return silence.verdict if silence.verdict in {"evaluating", "buffered"} else status

    @property
    def successor(self) -> str:
        """Name of a log that may go on from this one and has not trained yet; empty if none is."""
        return self._next.name

    def silence_s(self, now: float) -> float:
        """Return for how long the log has said nothing."""
        return max(0.0, now - self.grown_at) if self.grown_at is not None else 0.0

    def close(self) -> None:
        """Close what is open."""
        self._tailer.close()
        self.log.release()

    def step(self, now: float) -> list[Event]:
        """Read what is new and judge the silence otherwise; return the events.

        Parameters
        ----------
        now
            Seconds since 1970.

        Returns
        -------
        list of Event
            While the log is read for the first time (`caught_up` is False), events of the past.
        """
        went_on = self.caught_up and self.status not in ENDED
        events = self._step(now)
        if went_on and self.status in ENDED:
            events += self._siblings.choice(self.log, self._place, now, is_over=True)
        return events

    def _before(self, item: Item) -> None:
        """Ask by which metric the best checkpoint is chosen before the log tells an end."""
        if self.caught_up and not isinstance(item, Block) and item.kind in ENDINGS:
            self._siblings.choice(self.log, self._place, self._wall(), is_over=True)

    def _step(self, now: float) -> list[Event]:
        events: list[Event] = []
        slept_s = self._slept_s(now)
        if self.grown_at is not None:
            self.grown_at += slept_s  # a training on this machine slept too
        try:
            pieces = self._tailer.poll()
        except UnreadableLogError as error:
            if not self._told_gone:
                self._told_gone = True
                self.notices.append(str(error))
            return []
        if isinstance(self.source, ResumedLogs) and self.source.notices:
            self.notices += [f"{self.path}: {told}" for told in self.source.notices]
            self.source.notices.clear()
        begun = [piece for piece in pieces if isinstance(piece, Began)]
        if begun and not self._placed:
            self._placed = True
            self.first = first_place(begun, self.first, self._tailer.position())
        read = False
        for piece in pieces:
            if isinstance(piece, Bytes):
                read = True
                events += self._reading.feed(piece.content)
            elif isinstance(piece, Began):
                events += self._leave_for(piece)
            elif not self.missing:
                self.notices.append(f"{piece.file} is {piece.why}; waiting for it")
        events += self._reading.decide()
        if read:
            events += self._note_arrival(now) if self.caught_up and self.log.run_key else []
            self._grow(now)
        if self._is_elsewhere and self.caught_up and not self._tailer.is_between:
            self._writer.look_anew(self._place, has_moved=self._has_moved)
            self._is_elsewhere = self._has_moved = False
        if self._reading.is_open:
            return events
        if not self.caught_up and not self.missing:
            if self._tailer.wait_s > 0.0 and not self._tailer.is_between:
                self._finish_catching_up(now)
            return events
        events += self._reading.presume(self.silence_s(now))
        events += self._ask_siblings(now)
        if self.grown_at is not None and not read:
            events += self._judge(now)
        return events

    def sample(self, record: Record) -> list[Event]:
        """Take a sample of a device, once caught up; return the events that it causes."""
        self._devices.note(record, self._wall())
        return self.log.add(record)

    def _leave_for(self, piece: Began) -> list[Event]:
        """Go on in another file, unless it is the same one that may have been written anew."""
        cut = not piece.offset and piece.home == self._home and piece.why != "opened"
        return self._reading.begin(piece, may_repeat=cut, network=self._tailer.is_network)

    def _go_to(self, piece: Began) -> list[Event]:
        moved = bool(self._home) and piece.home != self._home
        resumes = moved and not isinstance(self.source, str)
        if isinstance(self.source, ResumedLogs):
            resumes = moved and self.source.is_resume(piece.home)  # a link may be turned in mid-run
        events = self.log.end_line(resumes=resumes) if not piece.offset else []
        self._told_gone = False
        self._has_moved |= moved
        if resumes and self.log.line:
            self._resumed_after = self.log.lines
        self._is_elsewhere |= bool(self._home)
        self._home = piece.home
        goes_on = piece.offset > 0 and not moved  # its writer put a longer one in its place
        if self.log.line and piece.why != "opened" and not goes_on:
            where = piece.place_after(self.path, starts_anew=not isinstance(self.source, str))
            self.notices.append(f"{self.path}: going on in {where}")
        return events

    def _grow(self, now: float) -> None:
        if self.caught_up and self.grown_at is not None:
            self._pauses.add(now - self.grown_at, self.log.run)
        self.grown_at = now
        self.silence = None
        self._next_look_s = _FAILED_LOOKS_S[0] if self.log.reader.failed else _FIRST_LOOK_S

    def _note_arrival(self, now: float) -> list[Event]:
        run = self.log.run
        if run.last_time is None and is_worth_noting(run.arrivals, run.arrival(now)):
            return self.log.add(Record("seen", time=now))
        return []

    def _finish_catching_up(self, now: float) -> None:
        try:
            modified = Path(self._place).stat().st_mtime
        except OSError:
            modified = now
        self.grown_at = min(now, modified)
        self._reading.presume(self.silence_s(now))
        self.log.catch_up()
        self.caught_up = True
        self._pauses.evals_before = len(self.log.run.eval_log)
        if self.log.run.metric_names or self.status in ENDED:
            MetricAnalyzer(self._options).insist(self.log.run)  # one that is asked for is logged
        self._writer.look(self._place, now)
        self._ask_siblings(now)
        silence_s = self.silence_s(now)
        if silence_s >= _FIRST_LOOK_S:
            self._ask_siblings(now, at_rest=True)
        if has_said_all(self.log, silence_s, self.process, self._pauses.gaps(self.log.run)):
            self.log.settle(is_over=False)
        past = is_of_the_past(self.log.run, silence_s, self.process)
        if past and not self._writer.is_named and self.log.run_key and self.status not in ENDED:
            self.log.settle()
            if self.status not in ENDED:
                self.log.add(tick_after(self.log.run, {"final": True}))

    def _ask_siblings(self, now: float, *, at_rest: bool = False) -> list[Event]:
        """Take what the logs beside it say of the plan, or how the run ended; return the events."""
        if not self.log.run_key or self.status in ENDED:
            return []
        return self._siblings.ask(self.log, self._place, now, self.process, at_rest=at_rest)

    def _judge(self, now: float) -> list[Event]:
        silence_s = self.silence_s(now)
        over = self.status == "finished" or not self.log.run_key
        if silence_s < self._next_look_s or over:
            return []
        failed = self.log.reader.failed
        least, most = _FAILED_LOOKS_S if failed else _LOOKS_S
        self._next_look_s = silence_s + min(max(_LOOK_EVERY * silence_s, least), most)
        self._writer.look(self._place, now)
        run, last, gaps = self.log.run, self.log.run.last, self._pauses.gaps(self.log.run)
        self.silence = judge_silence(
            silence_s,
            gaps,
            self.process,
            self._devices.lately(self._wall()),
            last.kind if last is not None and not self._is_starting else None,
            # Where none seems due one may come all the same: not every plan is in the log.
            evaluation_due=True if at_eval(run) else None,
            held_back_s=self._pauses.held_back_s,
            network=self._tailer.is_network,
        )
        self.silence = (died := self._died_at_its_start(silence_s)) or self.silence
        verdict = self.silence.verdict
        rests = has_said_all(self.log, silence_s, self.process, gaps, self.silence.limit_s)
        if failed and rests:
            return self.log.settle(is_over=self.process.state != "unknown")
        if self.status in ENDED:
            if died is not None and died.reason != self._told_died:
                self.notices.append(f"{self.path}: {died.reason}")
                self._told_died = died.reason
            return []
        calm = verdict in {"running", "evaluating", "buffered"}
        events = [] if calm and self._lean else self._ask_siblings(now, at_rest=True)
        if self.status in ENDED:
            return events
        if verdict == "crashed" or rests:
            events += self.log.settle(is_over=verdict == "crashed")
            if self.status in ENDED:
                return events
        facts: dict[str, Any] = {"silence_s": silence_s, "verdict": verdict}
        facts |= {"reason": self.silence.reason, "process": self.process.state}
        if (busy := self._devices.lately(self._wall())) is not None:
            facts["gpu_utilization_pct"] = busy
        stalls = verdict == "stalled" and self.status != "stalled"
        held, network = self._writer.was_held, self._tailer.is_network
        left = stalls and self.process.state != "alive"  # what it holds open is resumed nowhere
        loads = left and self._next.may_load(self._place, now, was_held=held, network=network)
        if not loads and (verdict == "crashed" or stalls):
            events += self.log.add(tick_after(self.log.run, facts))
        return events

    @property
    def _is_starting(self) -> bool:
        """Whether the log of a resume has begun and holds no training yet."""
        return self._resumed_after is not None and self.log.line <= self._resumed_after

    def _died_at_its_start(self, silence_s: float) -> Silence | None:
        """Judge a resume that has not trained yet; None if there is none, or it may still load."""
        if not self._is_starting:
            return None
        log, network, held = Path(self._place), self._tailer.is_network, self._writer.was_held
        return judge_start(silence_s, self.process, log, was_held=held, network=network)
