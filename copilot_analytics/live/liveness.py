"""What a silence of the log means: an evaluation, a stall, or the end of the process."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from copilot_analytics.analyzers._end import breaks_off, lacks_nothing
from copilot_analytics.analyzers.lifecycle import LEAST_SILENCE_S, PATIENCE
from copilot_analytics.records import Block, Item
from copilot_analytics.stats.finite import quantiles
from copilot_analytics.wording import duration, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from copilot_analytics.live.processes import ProcessState
    from copilot_analytics.run import Run

Verdict: TypeAlias = Literal["running", "evaluating", "buffered", "stalled", "crashed", "unknown"]

NEAR_THE_END = 0.995
"""From this progress on a run has come to its end: its last line may be one short of the plan."""

SETTLE_S = 15.0
"""So long the last lines of a process that has ended may take to come."""

_UNSEEN_S = 1800.0
_UNSEEN = {
    "start": "how long it takes to start is unknown",
    "eval": "no evaluation was seen yet",
}
_NETWORK_S = 90.0
_FEWEST_GAPS = 3
_BUSY_PCT = 10.0  # of a device; of a core too, since one of many that share it gets no more
_BUFFERED_FOR = 3.0
_AT_REST = 2.0  # times a usual pause
_NEWEST = 2000
_LAST_BYTES, _LAST_LINES, _LONGEST = 1 << 13, 20, 200
_ERROR = re.compile(
    r"error|exception|killed|fatal|abort|denied|no such file|cannot|fail|cancelled|out of memory",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Silence:
    """What a silence means.

    Parameters
    ----------
    verdict
        The judgement.
    reasons
        Why, each as one clause, the decisive one first.
    limit_s
        Silence up to which this run was given the benefit of the doubt.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    limit_s: float

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


def gaps_of(run: Run) -> dict[str, list[float]]:
    """Return the run's own gaps between lines, in seconds, by the phase in which they fell.

    Returns
    -------
    dict
        ``train``: between training records of one segment without an evaluation in between;
        ``eval``: from the last training record to the result of the evaluation; ``after_eval``:
        from there to the next training record. Only the newest 2000 rows; empty without times.

    Examples
    --------
    >>> from copilot_analytics.records import Record
    >>> from copilot_analytics.run import Run
    >>> run = Run.from_records(
    ...     [
    ...         Record("train", step=10, time=0.0),
    ...         Record("train", step=20, time=5.0),
    ...         Record("eval", step=20, time=65.0),
    ...         Record("train", step=30, time=72.0),
    ...     ]
    ... )
    >>> gaps_of(run)
    {'train': [5.0], 'eval': [60.0], 'after_eval': [7.0]}
    """
    log, evals = run.train_log, run.eval_log
    trained = log.time[-_NEWEST:]
    judged = evals.time[-_NEWEST:]
    if len(trained):
        judged = judged[~(judged < trained[0])]
    time = np.concatenate([trained, judged])
    is_eval = np.repeat([False, True], [len(trained), len(judged)])
    segment = np.concatenate([log.segment[-_NEWEST:], np.full(len(judged), -1)])
    order = np.lexsort((is_eval, time))
    order = order[np.isfinite(time[order])]
    time, is_eval, segment = time[order], is_eval[order], segment[order]
    # An evaluation belongs to the segment of the training record before it.
    trained_at = np.maximum.accumulate(np.where(is_eval, -1, np.arange(len(time))))
    segment = np.where(trained_at < 0, -1, segment[trained_at])
    gap, same = np.diff(time), segment[1:] == segment[:-1]
    before, after = is_eval[:-1], is_eval[1:]
    return {
        "train": gap[~before & ~after & same].tolist(),
        "eval": gap[~before & after].tolist(),
        "after_eval": gap[before & ~after & same].tolist(),
    }


def judge_silence(
    age_s: float,
    gaps: Mapping[str, Sequence[float]],
    process: ProcessState,
    gpu_utilization: float | None,
    last_kind: str | None,
    *,
    evaluation_due: bool | None = None,
    held_back_s: float = 0.0,
    network: bool = False,
) -> Silence:
    """Judge how a log that has been silent for a while should be read.

    The limit is the larger of 180 s and five times the 99th percentile of the run's own gaps in
    the phase that the log stands in, 90 s more on a network file system. A phase that was never
    seen (the start, the first evaluation) is given half an hour.

    Parameters
    ----------
    age_s
        Seconds since the log grew.
    gaps
        Earlier gaps by phase, see `gaps_of`.
    process
        What is known of the process.
    gpu_utilization
        Of the busiest device of the run over the last samples, in per cent; None if unknown.
    last_kind
        Kind of the last record; None if the log has said nothing yet.
    evaluation_due
        Whether an evaluation follows where training stands; None if the plan is unknown.
    held_back_s
        See `Pauses`: a log whose lines come in blocks may be silent for three times as long.
    network
        Whether the log lies on a network file system, which shows new lines late.

    Returns
    -------
    Silence
        A busy device, or where none can be asked a busy process, speaks for a buffered log only
        up to three times the limit, because what hangs may keep either busy as well.

    References
    ----------
    The factor of five over a section's own gaps is that of NVIDIA's resiliency extension.

    Examples
    --------
    >>> from copilot_analytics.live.processes import ProcessState
    >>> alive, gone = ProcessState("alive", 7), ProcessState("gone", 7)
    >>> gaps = {"train": [10.0] * 50, "eval": [60.0]}
    >>> judge_silence(100, gaps, alive, None, "train", evaluation_due=False).verdict
    'running'
    >>> judge_silence(400, gaps, alive, 0.0, "train", evaluation_due=False).verdict
    'stalled'
    >>> judge_silence(400, gaps, alive, 95.0, "train", evaluation_due=False).verdict
    'buffered'
    >>> judge_silence(100, gaps, gone, None, "train").verdict
    'crashed'
    """
    phase, own = _phase(gaps, last_kind, evaluation_due=bool(evaluation_due))
    limit_s, why_limit = _limit(phase, own, network=network)
    if last_kind == "train" and evaluation_due is None:
        # It may be an evaluation as well, so the more patient limit counts.
        other = _limit("eval", gaps.get("eval", ()), network=network)
        limit_s, why_limit = max((limit_s, why_limit), other)
    blocks = (
        _BUFFERED_FOR * held_back_s,
        f"its lines come in blocks, {duration(held_back_s)} apart",
    )
    limit_s, why_limit = max((limit_s, why_limit), blocks)
    if last_kind == "end":
        return Silence("unknown", ("the log says that training has finished",), limit_s)
    if last_kind == "crash":
        return Silence("crashed", ("the log ends with a failure",), limit_s)
    settled = age_s >= SETTLE_S + (_NETWORK_S if network else 0.0)
    ended = _of_process(process, settled=settled)
    if ended is not None:
        return Silence(ended[0], (ended[1],), limit_s)
    calm: Verdict = "evaluating" if phase == "eval" else "running"
    if age_s <= limit_s:
        usual = f"silent for {duration(age_s)}, up to {duration(limit_s)} is usual"
        return Silence(calm, (usual,), limit_s)
    silent = f"silent for {duration(age_s)}, over {duration(limit_s)} ({why_limit})"
    lives = f"process {process.pid} is alive" if process.state == "alive" else process.reason
    lives = lives or "process unknown"
    busy, hangs = _work_of(process, gpu_utilization)
    if busy and age_s <= _BUFFERED_FOR * limit_s:
        return Silence("buffered", (busy, silent, lives), limit_s)
    if busy:
        return Silence("stalled", (silent, f"{busy}, but {hangs}", lives), limit_s)
    if gpu_utilization is not None:
        return Silence(
            "stalled", (silent, f"the GPU is {gpu_utilization:.0f} % busy", lives), limit_s
        )
    if process.state == "unknown" and len(own) < _FEWEST_GAPS:
        return Silence("unknown", (silent, "too little was seen of this run", lives), limit_s)
    return Silence("stalled", (silent, lives), limit_s)


def judge_start(
    age_s: float, process: ProcessState, log: Path, *, was_held: bool, network: bool = False
) -> Silence | None:
    """Judge the silence of a resume whose log holds no training yet; None while it may still load.

    Parameters
    ----------
    age_s
        Seconds since the log grew.
    process
        What is known of its process.
    log
        The log, whose last line is quoted if it tells of an error.
    was_held
        Whether the logger of this run holds its log open, so that one which nobody holds is left.
    network
        As in `judge_silence`.

    Returns
    -------
    Silence or None
        Its verdict is ``crashed``: once the process is known to have ended; where none is known,
        after 180 s without a writer if the logger holds its log, and otherwise after half an hour.

    Examples
    --------
    >>> from pathlib import Path
    >>> from copilot_analytics.live.processes import ProcessState
    >>> judge_start(60, ProcessState("gone", 7), Path("train2.log"), was_held=True).reason
    'the resume in train2.log died before its first step; process 7 has ended'
    >>> judge_start(60, ProcessState("alive", 7), Path("train2.log"), was_held=True) is None
    True
    """
    settled = age_s >= SETTLE_S + (_NETWORK_S if network else 0.0)
    ended = process.state in {"gone", "zombie"}
    if process.state == "unknown" and process.pid is None:
        ended = age_s > (LEAST_SILENCE_S if was_held and not network else _UNSEEN_S)
    if not settled or not ended:
        return None
    who = f"process {process.pid} has ended" if process.pid is not None else "no process writes it"
    reason = f"the resume in {log.name} died before its first step; {who}"
    error = _last_error(log)
    return Silence("crashed", (f"{reason}: {error}" if error else reason,), _UNSEEN_S)


def failure_stands(
    silence_s: float,
    gaps: Mapping[str, Sequence[float]],
    process: ProcessState,
    limit_s: float = math.inf,
) -> bool:
    """Tell whether a failure that a log ends with is taken for the end of its process.

    A program may print the traceback of an exception that it handles. While it lives it is given
    the usual time to train on; where no process is known, a log at rest tells that it is over.

    Parameters
    ----------
    silence_s
        Seconds since the log grew.
    gaps, process
        As in `judge_silence`.
    limit_s
        How long a silence is usual.

    Examples
    --------
    >>> from copilot_analytics.live.processes import ProcessState
    >>> gaps = {"train": [10.0] * 50}
    >>> [failure_stands(18.0, gaps, ProcessState(one), 180.0) for one in ("alive", "gone")]
    [False, True]
    >>> [failure_stands(silence_s, gaps, ProcessState()) for silence_s in (18.0, 25.0)]
    [False, True]
    """
    if process.state in {"gone", "zombie"}:
        return True
    if process.state != "unknown":
        return silence_s > limit_s
    own = np.array([gap for some in gaps.values() for gap in some], dtype=np.float64)
    usual_s = float(quantiles(own, (0.99,))[0]) if len(own) else 0.0
    return silence_s > min(max(SETTLE_S, _AT_REST * usual_s), limit_s)


def as_said(item: Item, run: Run) -> Item:
    """Return what a tick means: that the process is gone without a word is a crash.

    Where the plan is unknown it is one between two evaluations, and otherwise perhaps the end.
    """
    if isinstance(item, Block) or item.kind != "tick" or item.facts.get("verdict") != "crashed":
        return item
    message = str(item.facts.get("reason") or "its process is gone")
    if run.progress is None and breaks_off(run):
        message += f", at {place(run.last_step, run.last_epoch)}"
    elif run.progress is None or run.progress >= NEAR_THE_END or lacks_nothing(run):
        return replace(item, facts={**item.facts, "final": True, "silence_s": None})
    return replace(item, kind="crash", facts={"message": message, "unsaid": True})


def _last_error(log: Path) -> str:
    """Return the last line of a log that tells of an error; empty if none of the last does."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, 2) - _LAST_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    last = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return next((line[-_LONGEST:] for line in reversed(last) if _ERROR.search(line)), "")


def _phase(
    gaps: Mapping[str, Sequence[float]], last_kind: str | None, *, evaluation_due: bool
) -> tuple[str, Sequence[float]]:
    """Return the phase that the log stands in, and its gaps so far."""
    if last_kind == "train":
        phase = "eval" if evaluation_due else "train"
        return phase, gaps.get(phase, ())
    if last_kind in {"eval", "checkpoint"}:
        return "after_eval", (*gaps.get("train", ()), *gaps.get("after_eval", ()))
    return "start", ()


def _limit(phase: str, own: Sequence[float], *, network: bool) -> tuple[float, str]:
    known = np.asarray(own, dtype=np.float64)
    known = known[np.isfinite(known) & (known >= 0)]
    needed = 1 if phase in {"eval", "start"} else _FEWEST_GAPS
    if len(known) < needed:
        limit_s, why = _UNSEEN_S, _UNSEEN.get(phase, "too few gaps were seen to know it better")
    else:
        (p99,) = quantiles(known, (0.99,))
        limit_s = max(LEAST_SILENCE_S, PATIENCE * p99)
        why = f"5 × its p99 gap of {duration(p99)}, at least 3 min"
    if network:
        return limit_s + _NETWORK_S, f"{why}, and 90 s for the network file system"
    return limit_s, why


def _work_of(process: ProcessState, gpu_utilization: float | None) -> tuple[str, str]:
    """Return what is at work, and why that proves nothing for ever; empty if nothing is known."""
    if gpu_utilization is not None:
        if gpu_utilization < _BUSY_PCT:
            return "", ""
        hangs = "a collective operation that hangs keeps it busy too"
        return f"the GPU is {gpu_utilization:.0f} % busy", hangs
    if process.state != "alive" or process.cpu_pct is None or process.cpu_pct < _BUSY_PCT:
        return "", ""
    hangs = "one that waits in a loop does so too"
    return f"the process uses {process.cpu_pct:.0f} % of a core", hangs


def _of_process(process: ProcessState, *, settled: bool) -> tuple[Verdict, str] | None:
    """Return what the process alone decides."""
    if process.state in {"gone", "zombie"}:
        what = "is gone" if process.state == "gone" else "has ended (a zombie)"
        if not settled:
            return "running", f"process {process.pid} {what}; its last lines may still come"
        return "crashed", f"process {process.pid} {what} and the log has no end"
    if process.state == "stopped" and settled:
        return "stalled", f"process {process.pid} is stopped; `kill -CONT {process.pid}` wakes it"
    return None
