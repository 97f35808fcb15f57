"""How well real logs are read: what copilot says of them against an answer key made by hand.

``python benchmarks/score_formats.py [FILTER] [--misses]`` prints each point's share by family of
logs, then each miss, then the totals. A filter is a part of a file's name or of its family.

The key, ``formats_key_*.csv`` beside this program, states facts of each log that a careful reader
finds in it; all but ``runs`` speak of its last run. ``|`` separates answers that are all right, an
empty field is not asked, ``-`` means that the log does not say. ``last_step`` counts in
``step_unit`` unless it names its own unit (``12 epoch``), and epochs that are done, so that a log
that ends in epoch 9 counted from 0 has done 10. The logs are not part of the project; without them
there is nothing to score. Pairs of files that log the same run twice are compared point by point.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot_analytics import Analysis, CopilotError, Run, analyze, read_run

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("COPILOT_SHARED", HERE.parents[1] / "shared"))
CORPUS = SHARED / "corpus"
POINTS = (
    "opens runs step_unit last_step train_name train_points train_last eval_name eval_points"
    " eval_last direction planned status"
).split()
HEADS = "open runs unit step train n last eval n last dir plan stat".split()
LONG_AFTER = 4e9  # seconds since 1970: nobody writes these logs any more
PRINTED = 6e-5  # half a unit of the fourth decimal, which logs print, and what a JSON twin rounds
_WRAPPING = re.compile(
    r"^((train|training|val|valid'?s?|validation|eval|evaluation|metrics|test)[\s_/.]+)+(?=.)"
)

Seen = dict[str, Any]


@dataclass
class Score:
    """What became of one file: which of its points are right, and a sentence for each miss."""

    file: str
    right: dict[str, bool]
    misses: list[str] = field(default_factory=list)
    traceback: bool = False
    false_opening: bool = False


def same_number(expected: float, seen: float) -> bool:
    """Compare as far as single precision goes; the log's NaN is a number like others."""
    if math.isnan(expected) or math.isnan(seen):
        return math.isnan(expected) and math.isnan(seen)
    return math.isclose(expected, seen, rel_tol=1e-6, abs_tol=1e-12)


def plain_name(name: str) -> str:
    """Return a name without case, signs and what frameworks put before it, such as ``val_``."""
    return re.sub(r"[^a-z0-9]", "", _WRAPPING.sub("", name.strip().lower()))


def is_right(expected: str, seen: Any) -> bool:
    """Tell whether what was seen is one of the answers that a field of the key allows.

    It is a name, a number or None, or a number for each unit, where ``""`` is the log's own unit.
    """
    units = seen if isinstance(seen, dict) else {"": seen}
    for answer in (part.strip() for part in expected.split("|")):
        amount, _, unit = answer.partition(" ")
        value = units.get(unit)
        if answer == "-":
            right = all(value is None for value in units.values())
        elif isinstance(seen, str):
            right = plain_name(answer) == plain_name(seen)
        else:
            right = value is not None and same_number(float(amount), value)
        if right:
            return True
    return False


def compare(
    key: dict[str, str], seen: Seen | None, why: str = "", *, traceback: bool = False
) -> Score:
    """Compare what was seen of a file, None if it was not opened, with its row of the key."""
    allowed, answer = key["opens"].split("|"), "no" if seen is None else "yes"
    found = Score(key["file"], {"opens": answer in allowed and not traceback}, traceback=traceback)
    if not found.right["opens"]:
        found.misses.append(f"{found.file}: opens: expected {key['opens']}, got {answer} {why}")
        found.false_opening = seen is not None
    if "yes" not in allowed or (seen is None and "no" in allowed):
        return found
    for point in filter(key.get, POINTS[1:]):
        found.right[point] = seen is not None and is_right(key[point], seen[point])
        if seen is not None and not found.right[point]:
            got = seen[point]
            if isinstance(got, dict):
                got = " or ".join(f"{n} {unit}".strip() for unit, n in got.items() if n is not None)
            got = "-" if got in {None, ""} else got
            found.misses.append(f"{found.file}: {point}: expected {key[point]}, got {got}")
    return found


def facts_of(analysis: Analysis) -> Seen:
    """Take from an analysis what the key asks for."""
    run, metric = analysis.run, analysis.metric
    unit = analysis.to_dict()["run"]["step_unit"]
    loss = run.loss_names[0] if run.loss_names else None
    train = run.train_series(loss).value if loss else np.empty(0)
    evals = run.eval_series(metric.name).value if metric.name else np.empty(0)
    return {
        "runs": analysis.earlier_runs + 1,
        "step_unit": unit,
        "last_step": {"": run.last_step, "epoch": run.last_epoch},
        "train_name": loss,
        "train_points": len(train) or None,
        "train_last": float(train[-1]) if len(train) else None,
        "eval_name": metric.name,
        "eval_points": len(evals) or None,
        "eval_last": float(evals[-1]) if len(evals) else None,
        "direction": metric.direction if metric.name else None,
        "planned": {"epoch": run.meta.planned_epochs, unit: run.planned_steps},
        "status": analysis.life.status,
    }


def score(key: dict[str, str]) -> Score:
    """Read one file and compare it with its row of the key."""
    path = CORPUS / key["file"]
    try:
        seen = facts_of(analyze(path, now=LONG_AFTER))
    except CopilotError as error:
        return compare(key, None, f"({str(error).removeprefix(str(path)).strip():.70})")
    except Exception as error:  # noqa: BLE001  # whatever escapes is what is counted here
        return compare(key, None, f"({type(error).__name__}: {error})", traceback=True)
    return compare(key, seen)


def twin_differences(one: Run, other: Run) -> list[str]:
    """Tell where two logs of the same run disagree beyond their printed digits.

    Steps are compared where both logs tell how long an epoch is, epochs as whole ones and where
    both are known: the JSON logs of mmcv leave it open.
    """
    found = []
    exact = one.meta.steps_per_epoch_exact and other.meta.steps_per_epoch_exact
    for split, name in (("train", "loss"), *(("eval", name) for name in one.metric_names)):
        a, b = (getattr(run, f"{split}_log").series(name) for run in (one, other))
        if len(a.step) != len(b.step):
            found.append(f"{split} {name}: {len(a.step)} points and {len(b.step)}")
            continue
        known = np.isfinite(a.epoch) & np.isfinite(b.epoch)
        apart = {
            "steps": (a.step != b.step) & exact,
            "epochs": (np.ceil(a.epoch) != np.ceil(b.epoch)) & known,
            "values": ~np.isclose(a.value, b.value, rtol=1e-6, atol=PRINTED, equal_nan=True),
        }
        for what, differ in apart.items():
            if differ.any():
                share = f"{differ.sum()} of {len(differ)} {what}"
                first = f"{a.step[differ][0]} and {b.step[differ][0]}"
                found.append(f"{split} {name}: {share} differ, first at {first}")
    return found


def rows_of(tables: Iterable[Path]) -> list[dict[str, str]]:
    """Return the rows of several tables, one after the other."""
    found = []
    for path in sorted(tables):
        with path.open(encoding="utf-8", newline="") as rows:
            found += list(csv.DictReader(rows))
    return found


def twins(part: str) -> list[tuple[str, str]]:
    """Return the pairs of files that log the same run, as the corpus notes them."""
    rows = rows_of([CORPUS / "manifest.csv"])
    pairs = [(row["file"], *re.findall(r"twin: (\S+)", row["notes"])) for row in rows]
    here = {row["file"] for row in rows}
    both = {tuple(sorted(pair)) for pair in pairs if len(pair) == 2 and here.issuperset(pair)}
    return sorted((one, other) for one, other in both if part in one or part in other)


def print_table(scores: list[Score]) -> None:
    """Print each point's share in per cent by family; a point not asked for is a dot."""
    print(f"{'family':20}{'files':>6}" + "".join(f"{head:>6}" for head in HEADS) + f"{'all':>6}")
    families = sorted({one.file.split("/")[0] for one in scores})
    for family in [*families, ""]:
        ours = [one for one in scores if one.file.split("/")[0] == family or not family]
        cells = []
        for point in POINTS:
            asked = [one.right[point] for one in ours if point in one.right]
            cells.append(f"{100 * sum(asked) / len(asked):6.0f}" if asked else f"{'.':>6}")
        whole = 100 * sum(all(one.right.values()) for one in ours) / len(ours)
        print(f"{family or 'all':20}{len(ours):6}{''.join(cells)}{whole:6.0f}")


def main() -> int:
    """Print the scoreboard."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("filter", nargs="?", default="", help="part of a family or file name")
    options.add_argument("--misses", action="store_true", help="print the misses alone")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    asked = options.parse_args()
    if not CORPUS.is_dir():
        print(f"No logs to score: they belong in {CORPUS}, outside of the project.")
        return 0
    key = [row for row in rows_of(HERE.glob("formats_key_*.csv")) if asked.filter in row["file"]]
    if not key:
        print(f"No file of the key has {asked.filter!r} in its name.", file=sys.stderr)
        return 2
    with ProcessPoolExecutor(asked.jobs) as pool:
        scores = list(pool.map(score, key, chunksize=1))
    if not asked.misses:
        print_table(scores)
    print(*(miss for one in scores for miss in one.misses), sep="\n")
    pairs, agreeing = twins(asked.filter), 0
    for pair in pairs:
        try:
            apart = twin_differences(*(read_run(CORPUS / file) for file in pair))
        except CopilotError as error:
            apart = [str(error)]
        agreeing += not apart
        print(*(f"{pair[0]}: twin: {sentence}\n" for sentence in apart[:3]), sep="", end="")
    real = [one for one, row in zip(scores, key, strict=True) if row["opens"] == "yes"]
    opened = sum(one.right["opens"] for one in real)
    right = sum(all(one.right.values()) for one in scores)
    print(f"\nopened {opened} of {len(real)} ({100 * opened / max(len(real), 1):.1f} %)")
    print(f"right in every point {right} of {len(scores)} ({100 * right / len(scores):.1f} %)")
    print(f"false openings {sum(one.false_opening for one in scores)}")
    print(f"tracebacks {sum(one.traceback for one in scores)}")
    print(f"twins that agree {agreeing} of {len(pairs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
