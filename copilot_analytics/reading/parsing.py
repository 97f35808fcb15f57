"""Reads a log from bytes to records, in one go or while it grows."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.errors import NotATrainingLogError
from copilot_analytics.formats._base import ByteParser, LineParser, LogFormat
from copilot_analytics.reading.byte_logs import ByteDetector, ByteReader
from copilot_analytics.reading.detect import Detection, Detector, format_named, known_formats
from copilot_analytics.reading.last_words import died_untrained
from copilot_analytics.reading.lines import Lines, LineSplitter
from copilot_analytics.reading.objects import ObjectReader
from copilot_analytics.reading.replicas import ReplicaFilter
from copilot_analytics.reading.text import TextReader
from copilot_analytics.reading.unwrapping import Unwrapper
from copilot_analytics.records import Block, Item, Record, records_of
from copilot_analytics.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from copilot_analytics.reading.gathering import Reader

# Some keep their log as Markdown, in which then every few lines say something.
_DOCUMENTS = (".md", ".markdown", ".rst", ".py", ".html", ".tex")
_LEAST_POINTS, _LEAST_SHARE = 5, 0.05
_LEAST_ROWS = 2  # of a training, in a log that is taken before its format is settled
_MOST_WITHOUT_FORMAT = 64 << 20


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the lines of a log.

    Parameters
    ----------
    lines
        Lines seen.
    records
        Records that they gave; the one that names the format is not counted.
    training, evaluations
        How many of them are training lines and results of evaluations.
    skipped
        Lines that are not blank and gave no record.
    too_long
        Lines that were left out because they are longer than 1 MiB.
    """

    lines: int = 0
    records: int = 0
    training: int = 0
    evaluations: int = 0
    skipped: int = 0
    too_long: int = 0


class LogReader:
    r"""Turns the bytes of one log into records; where the bytes are cut never matters.

    Parameters
    ----------
    file
        Name of the log, for records and messages.
    log_format
        Name of its format; None tells it by the content.
    formats
        Formats to choose from, by name; None takes all that are installed.

    Attributes
    ----------
    detection : Detection or None
        The format, None while it is neither settled nor presumed.
    misread : bool
        Whether later lines settled on another format than the one presumed: then what was read
        is void, and the log is to be read again.

    Raises
    ------
    UnknownFormatError
        If no format has that name.

    Examples
    --------
    >>> reader = LogReader("notes.txt")
    >>> reader.feed(b"Dear diary,\n")
    []
    >>> reader.close()
    Traceback (most recent call last):
    ...
    copilot_analytics.errors.NotATrainingLogError: notes.txt holds no training that copilot knows...
    """

    def __init__(
        self,
        file: str,
        log_format: str | None = None,
        *,
        formats: Mapping[str, LogFormat] | None = None,
    ) -> None:
        self.detection: Detection | None = None
        self.misread = False
        self._file = file
        self._formats = known_formats() if formats is None else dict(formats)
        self._unwrapper = Unwrapper()
        self._splitter = LineSplitter()
        self._replicas = ReplicaFilter()
        self._bytes = ByteDetector({} if log_format is not None else self._formats)
        self._detector = Detector(self._formats)
        self._held: list[Lines] = []
        self._reader: Reader | None = None
        self._byte_reader: ByteReader | None = None
        self._records = self._training = self._evaluations = 0
        self._begun: list[Item] = []
        self._presumed = False
        if log_format is not None:
            form = format_named(log_format, self._formats)
            self._begin(form, Detection(form.name, 1.0, "as asked for"))

    @property
    def stats(self) -> Stats:
        """What became of the lines so far."""
        return Stats(
            self._splitter.line - 1,
            self._records,
            self._training,
            self._evaluations,
            self._reader.skipped if self._reader else 0,
            self._splitter.too_long,
        )

    @property
    def is_settled(self) -> bool:
        """Whether no later line can change the format."""
        return self.detection is not None and not self._presumed

    @property
    def failed(self) -> bool:
        """Whether the last that was read of the training is a failure, which may be handled."""
        return self._reader is not None and self._reader.failed

    def end_process(self) -> list[Item]:
        """Return what is held back, where what comes next is of another process."""
        return [] if self._reader is None else self._counted(self._reader.end_process())

    def feed(self, chunk: bytes) -> list[Item]:
        """Take the next bytes; return the records that they complete.

        Raises
        ------
        NotATrainingLogError
            If the first 64 MiB look like no known format.
        """
        return self._feed(self._unwrapper.feed(chunk))

    def _feed(self, chunk: bytes) -> list[Item]:
        chunk = self._bytes.see(chunk)
        if self._bytes.claimed is not None and self._byte_reader is None:
            form = self._bytes.claimed
            self._begin(form, Detection(form.name, 1.0, f"its first bytes are a {form.title}"))
        if self._byte_reader is not None:
            return self._counted(self._start() + self._byte_reader.feed(chunk))
        lines = self._replicas.see(self._splitter.feed(chunk))
        if not lines.size:
            return self._counted(self._start())
        if self._reader is None:
            self._look(lines)
            if self._reader is None:
                return []
        else:
            self._held.append(lines)
            if self._presumed:
                self._look_on(lines)
        return self._counted(self._start() + self._read_held())

    def presume(self, only: str | None = None) -> list[Item]:
        """Go by the likeliest format, of a log that rests before its format is settled.

        Some logs say one line in minutes. That format is taken by which the lines so far show two
        rows of a training, or one before a crash, as `close` would. Further lines may settle on
        another one, see `misread`; where it is known on which, `only` that is presumed.
        """
        if self._reader is not None or self._byte_reader is not None:
            return []
        ended = self._copied()
        try:
            ended._conclude()
            items = ended._read_held()
            items += ended._reader.close() if ended._reader is not None else []
            ended._counted(items)
            ended._refuse_a_quotation()
        except NotATrainingLogError:
            return []
        found = ended.detection
        rows = max(ended._training, ended._evaluations)
        crashed = any(record.kind == "crash" for record in records_of(items))
        if found is None or found.format is None or rows < (1 if crashed else _LEAST_ROWS):
            return []
        if only is not None and found.format != only:
            return []
        self._presumed = True
        self._begin(self._formats[found.format], found)
        return self._counted(self._start() + self._read_held())

    def end_line(self) -> list[Item]:
        """Say that what comes next begins a new line, whatever the last one lacks.

        A number at its end may lack digits, as in `close`.
        """
        if self._reader is None:
            return self.feed(b"\n")
        tail = self._replicas.see(self._splitter.close())
        self._splitter.line += 1
        return self._counted(self._reader.read_cut(tail)) if tail.size else []

    def close(self) -> list[Item]:
        """Say that the log ends here; return what only that tells.

        Raises
        ------
        NotATrainingLogError
            If no format knows the log.
        """
        items = self._feed(self._unwrapper.close())
        held = self._bytes.see(b"", final=True)
        items += self._feed(held) if held else []
        if self._byte_reader is not None:
            items += self._counted([*self._start(), *self._byte_reader.close()])
            self._refuse_a_wrong_choice()
            return items
        return items + self._close_lines()

    def settle(self) -> list[Item]:
        """Return what `close` would tell of the last lines, of a log that may go on all the same.

        The last row of a bar or of a table is held until it is clear that it was the last, and so
        is a traceback that nothing ended. Nothing changes by this: what comes next is read as if
        nobody had asked.
        """
        if self._reader is None and self._byte_reader is None:
            return []
        ended = self._copied()
        return ended._counted(ended._last_words())

    def _copied(self) -> LogReader:
        """Return a reader that goes on by itself, without a copy of what no line changes."""
        shared = [self._formats, self.detection, *([self._detector] if self.is_settled else [])]
        return copy.deepcopy(self, {id(one): one for one in shared})

    def _last_words(self) -> list[Item]:
        items = self._feed(self._unwrapper.close())
        if self._byte_reader is not None:
            return [*items, *self._byte_reader.close()]
        return items + self._read_last(self._replicas.see(self._splitter.close()))

    def _read_last(self, tail: Lines) -> list[Item]:
        """Read a line without an end, and what only the end of the log tells."""
        assert self._reader is not None  # noqa: S101  # whoever asks has begun with one
        items = self._reader.read_cut(tail) if tail.size else []
        return items + self._reader.close()

    def _close_lines(self) -> list[Item]:
        tail = self._replicas.see(self._splitter.close())
        if self._reader is None:
            self._look(tail, final=True)
            if self._reader is None:
                self._conclude()
            if tail.size:
                self._held.pop()
        items = self._counted(self._start() + self._read_held() + self._read_last(tail))
        self._refuse_a_wrong_choice()
        self._refuse_a_quotation()
        too_long = self.stats.too_long
        if too_long:
            facts = {"note": f"left out: {plural(too_long, 'line')} of more than 1 MiB"}
            items.append(Record("config", facts=facts, file=self._file))
        return items

    def _look(self, lines: Lines, *, final: bool = False) -> None:
        """Look for the format in more lines, and hold them until it is found."""
        self._held.append(lines)
        for seen, (_, text) in enumerate(lines.cleaned(), 1):
            if self._detector.see(text):
                self._conclude()
                return
            if self._detector.at_limit and not final:
                detection = self._detector.conclude()
                if detection.format is not None:
                    self._begin(self._formats[detection.format], detection)
                    return
                self._held = [lines.after(seen)]
                if self._detector.characters > _MOST_WITHOUT_FORMAT:
                    raise self._no_training(detection)

    def _look_on(self, lines: Lines) -> None:
        """Look whether more lines settle on the format that was presumed."""
        for _, text in lines.cleaned():
            if not (self._detector.see(text) or self._detector.at_limit):
                continue
            settled = self._detector.conclude()
            assert self.detection is not None  # noqa: S101  # it was presumed
            self.misread = settled.format not in {None, self.detection.format}
            self._presumed = False
            return

    def _conclude(self) -> None:
        detection = self._detector.conclude()
        if detection.format is None:
            raise self._no_training(detection)
        self._begin(self._formats[detection.format], detection)

    def _begin(self, form: LogFormat, detection: Detection) -> None:
        self.detection = detection
        parser = form.parser(self._file)
        if isinstance(parser, ByteParser):
            self._byte_reader = ByteReader(parser, self._file)
        elif isinstance(parser, LineParser):
            self._reader = TextReader(parser, self._file)
        else:
            self._reader = ObjectReader(parser, self._file)
        facts: dict[str, object] = {"log_format": form.name}
        if form.smoothing is not None:
            facts["smoothing"] = form.smoothing
        self._begun = [Record("config", facts=facts, file=self._file)]

    def _start(self) -> list[Item]:
        begun, self._begun = self._begun, []
        self._records -= len(begun)
        return begun

    def _read_held(self) -> list[Item]:
        held, self._held = self._held, []
        items: list[Item] = []
        for lines in held:
            items += self._reader.read(lines) if self._reader else ()
        return items

    def _counted(self, items: list[Item]) -> list[Item]:
        kept: list[Item] = []
        for item in items:
            if isinstance(item, Block):
                if not len(item):
                    continue
                self._records += len(item)
                self._training += len(item)
            else:
                self._records += 1
                self._training += item.kind == "train"
                self._evaluations += item.kind == "eval"
            kept.append(item)
        return kept

    def _refuse_a_wrong_choice(self) -> None:
        asked = self.detection
        if asked is not None and asked.why == "as asked for" and not self._records:
            read = plural(self.stats.lines, "line")
            msg = (
                f"{self._file}, read as {asked.format}, holds no training "
                f"({read} read). Leave out --log-format to let its content decide"
            )
            raise NotATrainingLogError(msg)

    def _refuse_a_quotation(self) -> None:
        """Refuse a document or a program that shows a few lines of a log among its own."""
        points, lines = self._training + self._evaluations, self.stats.lines
        asked = self.detection is not None and self.detection.why == "as asked for"
        if asked or not self._file.lower().endswith(_DOCUMENTS):
            return
        if points < _LEAST_POINTS or points < _LEAST_SHARE * lines:
            msg = (
                f"{self._file} is a document that quotes a log: {points} of its {lines} lines say "
                f"something of a training. If it is a log all the same, name its format with "
                f"--log-format; `copilot formats` lists them"
            )
            raise NotATrainingLogError(msg)

    def _no_training(self, detection: Detection) -> NotATrainingLogError:
        closest = [c for c in detection.candidates if c.confidence > 0][:3]
        if closest:
            near = ", ".join(f"{c.title} ({c.name}, {c.confidence:.2f})" for c in closest)
            near = f"Closest: {near}; none is sure enough to be believed."
        else:
            near = f"None of its lines looks like one of the {len(detection.candidates)} formats."
        died, read = died_untrained(self._file, self._held), plural(self._detector.lines, "line")
        msg = (
            f"{self._file} holds no training that copilot knows ({read} "
            f"read).{died} {near} If you know its format, name it with --log-format; "
            f"`copilot formats` lists them"
        )
        return NotATrainingLogError(msg)
