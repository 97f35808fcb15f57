"""One log as a session: bytes in, events out, whether they come from a file or as they are written.

Following a log and replaying it are this class, fed by a tailer or by a file. Lines are counted on
over rotations, so that a log in pieces says what the whole would have said.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from copilot_analytics.alerts.message import digest_of
from copilot_analytics.engine import Session
from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.live.first_rows import FirstRows, first_row_apart
from copilot_analytics.live.journal import Journal, passed
from copilot_analytics.live.liveness import as_said
from copilot_analytics.live.settled import Settled, as_tick, kept_of, said_beside, settled_by
from copilot_analytics.live.unsaid_resume import begins_after, unsaid_resume
from copilot_analytics.reading.beside import Beside
from copilot_analytics.reading.launches import LaunchFilter
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import WATCHED, Block, Item, Record, last_line, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from copilot_analytics.analyzers._base import Options
    from copilot_analytics.events import Event
    from copilot_analytics.run import Run


class LogSession:
    r"""Reads one log and tells its events, run by run.

    Parameters
    ----------
    path
        The log, for people; with the first time stamp it names the run.
    options
        What the user asks for.
    log_format
        Name of the format; None tells it by the content.
    journals
        Folder of the journals, which hold what the log does not: ticks and device samples. None
        keeps and reads none.
    journal
        A journal for the run of launch `launch`, whatever its name; it is only read.
    launch
        Which run of the log that is, from 0.
    named
        What names the run in the journals, where that is not the log itself: the directory by way
        of which it was followed.
    light
        Read the run and judge nothing.
    beside
        What other logs of the run tell.
    earlier
        Logs of the starts before that of `path`, for whoever reads them.
    first_rows
        Names the runs without time stamps that were there before, if there were any.
    before
        Called with each record or block before it is taken.

    Attributes
    ----------
    reader : LogReader
    run_events : list of Event
        Events of the last run in the log.
    run_key : str
        Stable name of that run; empty until it has begun to train.
    superseded : list
        Key, name and relative events of runs that ended because another began in the same log;
        whoever reads it clears it.

    Examples
    --------
    >>> log = LogSession("train.log")
    >>> log.feed(b"Dear diary,\n")
    []
    >>> log.run_key
    ''
    """

    def __init__(
        self,
        path: str,
        options: Options | None = None,
        *,
        log_format: str | None = None,
        journals: Path | None = None,
        journal: Path | None = None,
        launch: int = 0,
        named: str | None = None,
        light: bool = False,
        beside: Beside | None = None,
        earlier: Sequence[Path] = (),
        first_rows: FirstRows | None = None,
        before: Callable[[Item], None] | None = None,
    ) -> None:
        self.path = path
        wanted: dict[str, tuple[()]] = {"analyzers": (), "diagnoses": ()} if light else {}
        self.session = Session(options, path=path, **wanted)
        self.run_events: list[Event] = []
        self.run_key = ""
        self.superseded: list[tuple[str, str, list[Event]]] = []
        self.trouble = ""
        self.reader = LogReader(path, log_format)
        self._beside = Beside() if beside is None else beside
        self._launches = LaunchFilter()
        self._before = before
        self.earlier = tuple(earlier)
        self._named = path if named is None else named
        self._journals = journals
        self._given, self._given_launch = journal, launch
        self._journal: Journal | None = None
        self._waiting: deque[Record] = deque()
        self._run = self.session.run
        self._launch = 0
        self.first_rows = FirstRows() if first_rows is None else first_rows
        self._base: int | None = None
        self._torn = False
        self._resumes_after: int | None = None  # a new log has said nothing of a resume yet
        self._settled = Settled()
        self._said_to = 0  # the last line of which the log itself has told something

    @property
    def run(self) -> Run:
        """The last run as it stands."""
        return self.session.run

    @property
    def name(self) -> str:
        """What people call the run."""
        from copilot_analytics.report.markdown import name_at

        return name_at(self.run.path, self.run.meta.name or "")

    @property
    def known(self) -> bool:
        """Whether the format of the log is settled or presumed."""
        return self.reader.detection is not None

    @property
    def lines(self) -> int:
        """How many lines were read."""
        return self.reader.stats.lines

    @property
    def line(self) -> int:
        """The last line that gave a record."""
        return self.run.last.line if self.run.last is not None else 0

    @property
    def kept_at(self) -> float | None:
        """When the next came of what a journal holds and the log has not passed."""
        return next((one.time for one in self._waiting if one.time is not None), None)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; return the events that they cause.

        A log that is no training log causes none; `trouble` then says why.
        """
        if chunk:
            self._torn = not chunk.endswith((b"\n", b"\r"))
        try:
            items = self.reader.feed(chunk)
        except NotATrainingLogError as error:
            self.trouble = str(error)
            return []
        return self.take(items)

    def take(self, items: Iterable[Item]) -> list[Event]:
        """Take records that its bytes gave; return the events that they cause."""
        before = len(self.session.events)
        self._take_items(self._woven(items))
        return self.session.events[before:]

    def end_line(self, *, resumes: bool = False) -> list[Event]:
        """Say that what comes next is from another file; return the events that this causes.

        A line that the last file left without an end stays so: its last number may lack digits.

        Parameters
        ----------
        resumes
            Whether that file is the log of a new process, which resumes the run.
        """
        before = len(self.session.events)
        if self._torn:
            self._torn = False
            if self.known:
                self._take_items(self._woven(self.reader.end_line()))
            else:
                self.feed(b"\n")
        if resumes:
            self._take_items(self._woven(self.reader.end_process()))
        if resumes and self.line:
            self._resumes_after = self.lines
        return self.session.events[before:]

    def add(self, record: Record) -> list[Event]:
        """Take what only a watch can tell, a tick or a sample of a device, and keep it.

        What another watch kept of the run, and the log has not passed yet, comes before it.
        """
        before = len(self.session.events)
        self.catch_up()
        if self._base is not None:
            self._keep(replace(record, line=self._said_to, file=self.path))
        return self.session.events[before:]

    def catch_up(self) -> None:
        """Take what the journal still holds: the log has no more to say for now."""
        waiting, self._waiting = self._waiting, deque()
        for record in waiting:
            self._take(record)

    def settle(self, *, is_over: bool = True) -> list[Event]:
        """Take what waits for a next line that may never come; return the events that it causes.

        It is kept in the journal, since the log does not hold it if it goes on after all.

        Parameters
        ----------
        is_over
            Whether the log has surely come to its end. Otherwise a row without the end of its line
            is left: the rest of it may come.
        """
        before = len(self.session.events)
        self.catch_up()
        if self._base is None:
            return []
        last = [
            record
            for record in records_of(self.reader.settle())
            if is_over or record.line <= self.lines or record.kind not in {"train", "eval"}
        ]
        for record in () if self._begins_anew(last) else last:
            tick = as_tick(replace(record, file=self.path), self._said_to)
            if tick is not None and self._settled.is_new(record):
                self._keep(tick)
        return self.session.events[before:]

    def hear(self, record: Record, beside: str) -> list[Event]:
        """Take what a log beside this one says of the run, once; return the events.

        It is kept in the journal with the name of that log, at the place this one has come to.
        """
        before = len(self.session.events)
        self.catch_up()
        here = replace(record, line=self._said_to, file=self.path)
        tick = as_tick(here, self._said_to, beside) if self._base is not None else None
        if tick is not None and not self._settled.holds(here):
            self._keep(tick)
        return self.session.events[before:]

    def _begins_anew(self, last: Iterable[Record]) -> bool:
        """Tell whether records begin a run, or a resume of it, of which they are all."""
        launches = deepcopy(self._launches)
        resumes = self._resumes_after is not None
        return any(
            one.kind == "launch" or (resumes and one.kind in {"train", "eval", "resume"})
            for record in last
            for one in records_of(launches.see(record))
        )

    def end(self) -> None:
        """Take what is left: the log has no more bytes. How it ended is for `close` to say."""
        self.catch_up()  # whoever kept that had not seen the log end
        try:
            items = self.reader.close()
        except NotATrainingLogError as error:
            self.trouble = str(error)
            return
        self._take_items(self._woven(items))
        self._take_items(one for item in self._beside.close() for one in self._launches.see(item))
        self._take_items(self._launches.close())
        self.catch_up()

    def close(self, *, silence_s: float | None = None) -> list[Event]:
        """Say that the log ends here; return the events that this causes.

        Parameters
        ----------
        silence_s
            Seconds since its last sign of life; None if it is over for good.
        """
        before = len(self.session.events)
        self.end()
        if self.trouble:
            return []
        self._take(self.session.closing(silence_s=silence_s))
        return self.session.events[before:]

    def release(self) -> None:
        """Close what is open; it is opened again if need be."""
        if self._journal is not None:
            self._journal.close()

    def relative(self, event: Event) -> Event:
        """Return an event with its line counted from the first row of its run, which is line 1.

        That is the same number whether the log was read while it was rotated or afterwards. Where
        the header of a run begins is not: a log before it that is gone in part may end within a
        traceback, or without the rows that would tell the header for a further one.
        """
        return replace(event, line=event.line - (self._base or 1) + 1)

    def _woven(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items with what other logs tell, and with launches between runs."""
        for item in items:
            if self._resumes_after is not None and begins_after(item, self._resumes_after):
                self._resumes_after = None
                for resume in unsaid_resume(item, self.run):
                    yield from self._launches.see(resume)
            for one in self._beside.see(item):
                yield from self._launches.see(one)

    def _take_items(self, items: Iterable[Item]) -> None:
        for item in first_row_apart(items, lambda: bool(self.run_key)):
            for one in passed(item, self._waiting):
                for left in self._settled.left_of(one):
                    self._take(left)

    def _keep(self, tick: Record) -> None:
        """Take a record that the log does not hold, and keep it in the journal."""
        if self._journal is not None:
            place = tick.line - (self._base or 1) + 1
            self._journal.append(replace(tick, line=place, file=""))
        self._take(tick)

    def _take(self, item: Item) -> None:
        if self._before is not None:
            self._before(item)
        told = len(self.session.events)
        settled = settled_by(item)
        if settled is not None:
            if said_beside(item) is not None and self._settled.holds(settled):
                return  # another watch heard it too, elsewhere in the log
            self._settled.add(settled)
            item = settled
        elif not isinstance(item, Block) and item.kind in WATCHED:
            item = replace(item, line=self.line)  # as `Session.close` places its own
        else:
            self._said_to = max(self._said_to, last_line(item))
        self.session.update(as_said(item, self.session.run))
        if self.session.run is not self._run:
            self._begin_run()
        if not self.run_key:
            self._name_run(item)
        self.run_events += self.session.events[told:]

    def _begin_run(self) -> None:
        if self.run_key:
            past = [self.relative(event) for event in self.run_events]
            self.superseded.append((self.run_key, self._run.meta.name or "", past))
        earlier = self.session.earlier_runs
        earlier[:] = [type(self._run)() for _ in earlier]  # nobody reads them while following
        self._run = self.session.run
        self._launch += 1
        self.run_events, self.run_key, self._base = [], "", None
        self._waiting.clear()
        self._settled.clear()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _name_run(self, item: Item) -> None:
        """Name a run by its first row: its header may be taken for that of the run before."""
        run = self.session.run
        if not len(run.train_log) and not len(run.eval_log):
            return
        first = next(item.records()) if isinstance(item, Block) else item
        self._base = first.line
        known = [time for time in (first.time, run.first_time) if time is not None]
        began = known[0] if known else self.first_rows.name_of(first)
        self.run_key = digest_of("run", self._named, began)
        path = None
        if self._journals is not None:
            path = self._journals / f"{self.run_key}.jsonl"
            self._journal = Journal(path)
        elif self._given is not None and self._launch == self._given_launch:
            path = self._given
        if path is None:
            return
        with suppress(OSError):
            self._waiting = kept_of(path, self._base or 1, self.path, self._beside)
