"""The console of Lightning: a bar an epoch, whose metrics stand behind its rate."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Field, LineParser, LogFormat, Sample
from copilot_analytics.formats._lightning_samples import SAMPLES
from copilot_analytics.formats._numbers import NUMBER
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._splits import split_of
from copilot_analytics.formats._tqdm import Frame, find_frame
from copilot_analytics.records import Record, records_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from copilot_analytics.records import Floats, Ints, Item

_EPOCH = re.compile(r"^Epoch (?P<epoch>\d{1,9})$")
_VALIDATION = re.compile(r"^(?:Validating|Validation(?: DataLoader (?P<loader>\d{1,4}))?)$")
# Lightning adds a zero to a number that has no point, even if it is none.
_PAIRS = re.compile(rf"(?:^|, )(?P<key>[^=,]{{1,80}})=(?P<number>{NUMBER})(?:\.0)?(?=,|$)")
_NO_METRIC = frozenset({"v_num", "global_step", "consumed_samples"})
_OWN_LINE = re.compile(
    r"^Sanity Checking|^Validation sanity check"
    r"|^Epoch \d{1,9}:\s[^\[]{1,500}\[[^\]]{1,80}, v_num="
    r"|^Epoch \d{1,9}(?:/-?\d{1,9})?\s[━╸╺\s]{5,300}\d{1,9}/\d.{0,80}it/s v_num:"
)
_AROUND = re.compile(  # whatever a script prints by itself
    r"^`?Trainer\.fit`? stopped: |^[GTH]PU available: (?:True|False)|LOCAL_RANK: \d{1,6} - CUDA_VIS"
)
_STOPPED = re.compile(
    r"Trainer\.fit`? stopped: `?(?P<what>max_epochs|max_steps)=(?P<count>\d{1,12})`? reached"
)
_STOPS_ITSELF = re.compile(
    rf"(?P<why>Monitored metric \S{{1,80}} (?:= {NUMBER} is not finite|did not improve in the last "
    rf"\d{{1,9}} records)|(?:Stopping|Divergence) threshold reached|Time limit reached)"
    r"[^\n]{0,200}?\bSignaling Trainer to stop\."
)
_SAVED = re.compile(
    r"Epoch (?P<epoch>\d{1,9}), global step (?P<step>\d{1,12}): '?(?P<name>[^'\s]{1,100})'? "
    r"reached "
    rf"(?P<best>{NUMBER}) \(best {NUMBER}\), saving model to [\"']?"
    rf"(?P<path>[^\"'\n]{{1,400}}?)[\"']? as"
)
# The bar of an epoch whose length is not known, as tqdm and as Lightning's own bar draw it.
_OPEN = re.compile(
    r"^(?P<title>Epoch \d{1,9}): (?:\|[^|]{0,300}\| (?P<count>\d{1,12})/\?|(?P<its>\d{1,12})it) "
    r"\[(?P<elapsed>[\d:]{2,12})(?:<[^,\]]{1,30})?,\s{0,9}[^,\]]{1,24}(?P<rest>[^\]\r\n]{0,2000})\]"
)
# The bar that rich draws, which is wrapped where the console ends: far behind the left edge.
_RICH = re.compile(
    r"^Epoch (?P<epoch>\d{1,9})(?:/(?P<last>-?\d{1,9}))?\s{1,4}[━╸╺ ]{5,300}\s?"
    r"(?P<batch>\d{1,9})/(?P<batches>\d{1,9})\s(?P<rest>.{0,2000})$"
)
_OWN_RICH = re.compile(r"\d/\d{1,9} (?:\d{1,4}:){2}\d\d • [-\d:]{4,12} \d{1,9}\.\d\dit/s")
_WRAPPED = re.compile(r"^\s{20,300}(?P<rest>\S.{0,300})$")
_RICH_PAIRS = re.compile(rf"(?P<key>[A-Za-z_][\w./-]{{0,80}}): {{1,9}}(?P<number>{NUMBER})(?=\s|$)")


@dataclass
class _Point:
    """The last frame of a batch, which may be drawn again with newer numbers."""

    epoch: int
    batch: int
    batches: int
    line: int
    elapsed_s: float | None  # of its epoch; None where that does not tell when it was drawn
    numbers: dict[str, float] = field(default_factory=dict)
    others: int = 0  # batches of validations in the epoch, which the bar counts too


class LightningConsoleParser(LineParser):
    """Reads the frames of the training's bar; the last one of each batch counts.

    Results of a validation stay in the bar until the next one, so they are told once. Before
    version 2.0 the bar counts the batches of the validation too.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._rows = RowReader(file, Axis(epoch_base=0, inner_base=1), Naming())
        self._point: _Point | None = None
        self._results: dict[str, float] = {}
        self._validated = False
        self._validation: tuple[int, int] | None = None  # batches done and in all, while it runs
        self._loaders: dict[int, int] = {}  # batches of each that it validates with
        self._extra = 0  # batches of the validations of an epoch, if the bar counts them
        self._validated_with = 0  # those of this epoch so far
        self._before_s = 0.0  # of the epochs before
        self._rich: tuple[_Point, str] | None = None  # and what stands behind its bar so far
        self._ended = False
        self._drawn: tuple[int, int, dict[str, float]] = 0, 0, {}  # as the last frame says
        self._stops: tuple[int, str] | None = None  # said behind a bar that is drawn once more
        self._stopped_at: int | None = None  # the step, where that is what ended the training

    def fields(self, line: str) -> Sequence[Field] | None:  # no line stands alone
        """Return None: a frame may be drawn again."""
        return None

    def block(self, columns: Mapping[str, Floats], lines: Ints) -> Iterable[Item]:
        """Turn rows into blocks."""
        return self._rows.rows(columns, lines)

    def parse(self, line: str, number: int) -> Iterable[Record]:
        """Read a frame or another line."""
        rich = _RICH.match(line) if line.startswith("Epoch ") else None
        wrapped = _WRAPPED.match(line) if self._rich is not None else None
        if wrapped is not None and self._rich is not None:
            self._rich = (self._rich[0], f"{self._rich[1]} {wrapped['rest'].rstrip()}")
            return ()
        told = list(self._end_rich())
        if rich is not None:
            # It counts epochs from 0 to the last one, ``max_epochs - 1``, which is -2 without end.
            if (planned := int(rich["last"] or -1) + 1) > 0:
                told += self._rows.config({"planned_epochs": planned}, number)
            epoch, batch, batches = (int(rich[name]) for name in ("epoch", "batch", "batches"))
            self._rich = (_Point(epoch, batch, batches, number, None), rich["rest"].rstrip())
            return told
        return [*told, *self._line(line, number)]

    def _line(self, line: str, number: int) -> Iterable[Record]:
        frame = find_frame(line) or _open_frame(line)
        if frame is not None:
            seen = list(self._see(frame, number))
            # What the Trainer says stands behind the last frame if that ended no line.
            said = line[frame.end :] if "Signaling" in line else line[-200:]
            return [*seen, *self._statement(said[:2000], number)]
        return list(self._statement(line, number)) if len(line) < 2000 else ()

    def close(self) -> Iterable[Record]:
        """Tell the last batch."""
        return [*self._end_rich(), *self._tell()]

    def _end_rich(self) -> Iterator[Record]:
        """Yield what a bar of rich says, now that all of it is there."""
        if self._rich is None:
            return
        (point, text), self._rich = self._rich, None
        for pair in _RICH_PAIRS.finditer(text):
            if pair["key"] not in _NO_METRIC:
                point.numbers[pair["key"]] = float(pair["number"])
        yield from self._tell()
        if point.epoch or point.batch:  # before the first batch it shows the sanity check
            self._point = point
        yield from self._tell()

    def _see(self, frame: Frame, line: int) -> Iterator[Record]:
        if (validating := _VALIDATION.match(frame.title)) is not None:
            loader = int(validating["loader"] or 0)
            self._loaders = {**self._loaders, loader: frame.total}
            before = sum(size for other, size in self._loaders.items() if other < loader)
            self._validation = (before + frame.done, before + frame.total)
            self._validated = True
            return
        found = _EPOCH.match(frame.title)
        if found is None:
            return
        epoch, batch, point = int(found["epoch"]), frame.done, self._point
        if self._ended and (epoch != self._drawn[0] or batch < self._drawn[1]):
            self._ended, self._stopped_at = False, None  # another fit
            self._extra = self._validated_with = 0
        if not batch or epoch != self._drawn[0]:
            self._validated_with = 0
        numbers = {
            pair["key"]: float(pair["number"])
            for pair in _PAIRS.finditer(frame.rest.lstrip(", "))
            if pair["key"] not in _NO_METRIC
        }
        if self._ended and (epoch, batch, numbers) == self._drawn:
            return
        self._drawn = epoch, batch, numbers
        if point is not None and point.epoch == epoch and batch > point.batch and self._validation:
            done, total = self._validation
            if done < total:
                self._extra = max(self._extra, self._validated_with + total)
            if self._extra and frame.total and batch - point.batch <= total:
                point.numbers = numbers or point.numbers
                return
        if point is not None and (point.epoch, point.batch) != (epoch, batch):
            yield from self._tell()
            if point.epoch != epoch:
                self._before_s += point.elapsed_s or 0.0
            elif self._validation is not None and self._extra:
                self._validated_with += self._validation[1]
        self._validation = None if batch != getattr(point, "batch", None) else self._validation
        if batch:
            elapsed = frame.elapsed_s
            numbers = numbers or (self._point.numbers if self._point else {})
            before = self._validated_with if batch > self._validated_with else 0
            self._point = _Point(epoch, batch, frame.total, line, elapsed, numbers, before)

    def _tell(self) -> Iterator[Record]:
        """Yield what the held batch says, and that it is the last one if the Trainer said so."""
        point, self._point = self._point, None
        if point is not None:
            yield from self._tell_point(point)
        if self._stops is not None:
            (line, reason), self._stops = self._stops, None
            yield self._rows.record("end", line, facts={"reason": reason})

    def _tell_point(self, point: _Point) -> Iterator[Record]:
        batch, batches = point.batch - point.others, point.batches - self._extra
        results = {n: v for n, v in point.numbers.items() if split_of(n) in {"val", "test"}}
        place = {
            "#epoch": float(point.epoch),
            "#inner": float(batch),
            "#inner_of": float(max(batches, batch)),
        }
        if not point.batches:
            del place["#inner_of"]
        if self._stopped_at is not None:
            # The bar of an epoch that is cut short counts no further than to its end.
            place = {"#step": float(self._stopped_at)}
        clock: dict[str, float] = {}
        if point.elapsed_s is not None:
            clock["#time_s"] = self._before_s + point.elapsed_s
        columns = {name: np.array([number]) for name, number in (place | clock).items()}
        metrics = {n: np.array([v]) for n, v in point.numbers.items() if n not in results}
        yield from records_of(self._rows.rows({**columns, **metrics}, np.array([point.line])))
        is_new = repr(results) != repr(self._results)
        if results and (is_new or self._validated):
            self._results = results
            step = float(self._rows.axis.last_step)
            at = {"#step": step, **clock}
            if self._stopped_at is None and point.batches:
                at["#progress"] = point.epoch + batch / max(batches, batch)
            yield from self._rows.evaluation({**at, **results}, point.line)
        self._validated = False

    def _statement(self, line: str, number: int) -> Iterator[Record]:
        saved = _SAVED.search(line)
        if saved is not None:
            facts: dict[str, Any] = {
                "path": saved["path"],
                "best_metric": float(saved["best"]),
                "best_metric_name": saved["name"],
                "step": int(saved["step"]),
            }
            yield self._rows.record("checkpoint", number, None, facts["step"], facts=facts)
            if self._point is None and not self._rows.axis.last_step:
                # No bar is drawn, so that this is all that the log says of the result.
                place = {"#step": float(saved["step"]), "#progress": float(saved["epoch"]) + 1}
                result = {saved["name"]: float(saved["best"])}
                yield from self._rows.evaluation({**place, **result}, number)
        stopped = _STOPPED.search(line)
        if stopped is not None and not self._ended:
            self._ended = True
            yield from self._tell()
            plan = "planned_epochs" if stopped["what"] == "max_epochs" else "planned_steps"
            if plan == "planned_steps":
                self._stopped_at = int(stopped["count"])
            yield from self._rows.config({plan: int(stopped["count"])}, number)
            reason = f"the Trainer reached its {stopped['what']}"
            yield self._rows.record("end", number, facts={"reason": reason})
        itself = _STOPS_ITSELF.search(line) if "Signaling" in line else None
        if itself is not None and not self._ended:
            why = itself["why"]
            self._stops = (number, f"the Trainer stops: {why[0].lower()}{why[1:]}")


def _open_frame(line: str) -> Frame | None:
    """Return the frame of a bar without a total, which is given as 0."""
    found = _OPEN.match(line) if line.startswith("Epoch ") else None
    if found is None:
        return None
    elapsed = 0.0
    for part in found["elapsed"].split(":"):
        elapsed = elapsed * 60 + float(part or 0)
    done = int(found["count"] or found["its"])
    span = found.span("rest")
    return Frame(found["title"], done, 0, elapsed, found["rest"], *span, is_exact=True)


def _is_rich(line: str) -> bool:
    """Tell whether a line can only be the bar that rich draws for Lightning."""
    rich = _RICH.match(line) if "━" in line else None
    return rich is not None and _OWN_RICH.search(line) is not None


def _is_bar(line: str) -> bool:
    bar = find_frame(line)
    return _RICH.match(line) is not None or (bar is not None and bool(_EPOCH.match(bar.title)))


class LightningConsole(LogFormat):
    """``Epoch 3: 100%|###| 250/250 [00:10<00:00, 23.9it/s, v_num=0, train_loss=0.1]``."""

    name: ClassVar[str] = "lightning_console"
    title: ClassVar[str] = "Lightning console"
    url: ClassVar[str] = "https://lightning.ai/docs/pytorch/stable/common/progress_bar.html"
    smoothing: ClassVar[int | None] = 1
    samples: ClassVar[tuple[Sample, ...]] = SAMPLES

    def confidence(self, lines: Sequence[str]) -> float:
        """Tell how sure it is: bars of epochs are common, what stands in or around them is not."""
        if any(_OWN_LINE.search(line[:1000]) or _is_rich(line[:1000]) for line in lines):
            return 1.0
        if not any(_AROUND.search(line[:200]) for line in lines):
            return 0.0
        return 1.0 if any(_is_bar(line) or _SAVED.search(line[:1000]) for line in lines) else 0.3

    def parser(self, file: str) -> LightningConsoleParser:
        """Return a fresh parser for a log."""
        return LightningConsoleParser(file)


FORMAT = LightningConsole()
