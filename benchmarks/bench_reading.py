"""Measures how fast and in how much memory logs are read and analysed.

    python benchmarks/bench_reading.py [--lines 1000000]

Writes a log of MMEngine with eight losses, its JSON twin and an event file into a temporary folder,
the same ones every time, and measures each way of reading them in a process of its own, beside
pandas and, where they are installed, polars, pyarrow, duckdb and TensorBoard. CPU seconds count,
because they say the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from other_engines import ENGINES, LOSSES, PATTERN, installed

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from event_files import scalars  # noqa: E402  # the tests' own writer

if TYPE_CHECKING:
    from collections.abc import Callable

PER_EPOCH = 100_000
EVERY = 50
DAY_S = 86_400


# ------------------------------------------------------------------------------ logs


def stamp(seconds: float) -> str:
    """Print a time as MMEngine does."""
    return time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(1_704_067_200 + seconds))


def eta(seconds: float) -> str:
    """Print a duration as MMEngine does."""
    days, rest = divmod(int(seconds), DAY_S)
    clock = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return clock if not days else f"{days} day{'s' if days > 1 else ''}, {clock}"


def header() -> str:
    """Return the environment and configuration that precede training."""
    config = "\n".join(f"setting_{i} = dict(type='Part{i}', size={i})" for i in range(1350))
    return (
        f"{stamp(0)} - mmengine - INFO - \n{'-' * 60}\nSystem environment:\n"
        f"    GPU 0: Made-up GPU\n    MMEngine: 0.10.4\n\nRuntime environment:\n    seed: 1\n"
        f"    GPU number: 1\n{'-' * 60}\n\n{stamp(0)} - mmengine - INFO - Config:\n"
        "train_cfg = dict(max_epochs=1000000, type='EpochBasedTrainLoop', val_interval=1)\n"
        f"default_hooks = dict(logger=dict(interval={EVERY}, type='LoggerHook'))\n{config}\n\n"
    )


def write_logs(folder: Path, lines: int) -> tuple[Path, Path]:
    """Write a log of about so many lines and its JSON twin."""
    rng = random.Random(7)
    text_path, json_path = folder / f"train_{lines}.log", folder / f"train_{lines}.json"
    memory, took = 12_345, 0.4
    with text_path.open("w") as text, json_path.open("w") as twin:
        text.write(header())
        for line in range(1, lines + 1):
            epoch, inner = divmod((line - 1) * EVERY, PER_EPOCH)
            epoch, inner = epoch + 1, inner + EVERY
            now, progress = line * EVERY * took, line / lines
            lr = 1e-4 * (1 - 0.99 * progress)
            row = {"base_lr": lr, "lr": lr, "data_time": rng.uniform(0.005, 0.02)}
            level = 0.2 + 1.8 * (1 - progress) ** 2
            parts = [level * rng.uniform(0.1, 0.2) for _ in LOSSES[1:]]
            row["grad_norm"] = rng.uniform(1, 12)
            row["loss"] = sum(parts)
            row.update(zip(LOSSES[1:], parts, strict=True))
            row["time"] = rng.uniform(0.38, 0.42)
            losses = "  ".join(f"{name}: {row[name]:.4f}" for name in LOSSES)
            left = eta((lines - line) * EVERY * took)
            text.write(
                f"{stamp(now)} - mmengine - INFO - Epoch(train) [{epoch}][{inner:6d}/{PER_EPOCH}]  "
                f"base_lr: {lr:.4e}  lr: {lr:.4e}  eta: {left}  time: {row['time']:.4f}  "
                f"data_time: {row['data_time']:.4f}  memory: {memory}  "
                f"grad_norm: {row['grad_norm']:.4f}  {losses}\n"
            )
            row |= {"epoch": epoch, "iter": line * EVERY, "memory": memory, "step": line * EVERY}
            twin.write(json.dumps(row) + "\n")
            if inner == PER_EPOCH:
                metric = 0.5 * (1 - 0.9 ** (30 * progress)) + rng.uniform(-0.003, 0.003)
                text.write(
                    f"{stamp(now)} - mmengine - INFO - Saving checkpoint at {epoch} epochs\n"
                    f"{stamp(now)} - mmengine - INFO - Epoch(val) [{epoch}][500/500]    "
                    f"coco/bbox_mAP: {metric:.4f}  data_time: 0.0031  time: 0.0712\n"
                )
                result = {"coco/bbox_mAP": metric, "data_time": 0.0031, "time": 0.07, "step": epoch}
                twin.write(json.dumps(result) + "\n")
    return text_path, json_path


def write_clocked(folder: Path, lines: int) -> tuple[Path, Path]:
    """Write logs of JSON lines with durations, as LLaMA-Factory writes, and with time stamps."""
    rng = random.Random(7)
    factory, stamped = folder / "trainer_log.jsonl", folder / "stamped.jsonl"
    with factory.open("w") as one, stamped.open("w") as other:
        for line in range(1, lines + 1):
            progress, loss = line / lines, rng.uniform(0.5, 2)
            row = {"current_steps": line * 10, "total_steps": lines * 10, "loss": round(loss, 4)}
            row |= {"lr": 1e-4 * (1 - progress), "epoch": round(3 * progress, 4)}
            times = {"elapsed_time": eta(line * 1.3), "remaining_time": eta((lines - line) * 1.3)}
            one.write(json.dumps(row | {"percentage": round(100 * progress, 2)} | times) + "\n")
            when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_704_067_200 + line))
            moment = {"timestamp": f"{when}.{rng.randrange(10**6):06d}", "step": line * 10}
            rest = {"loss": loss, "lr": 1e-4 * (1 - progress), "grad_norm": rng.uniform(1, 9)}
            other.write(json.dumps(moment | rest) + "\n")
    return factory, stamped


def write_events(folder: Path, count: int) -> Path:
    """Write an event file with so many scalars, of four tags."""
    rng = random.Random(7)
    tags = ("train/loss", "train/lr", "train/acc", "val/acc")
    path = folder / f"events.out.tfevents.1700000000.host.{count}"
    rows = ((row // 4, tags[row % 4], rng.random()) for row in range(count))
    path.write_bytes(scalars(rows))
    return path


# ----------------------------------------------------------------- ways of reading them

LINE = re.compile(PATTERN)


def loop(path: str) -> int:
    """Count the lines."""
    with open(path, "rb") as stream:  # noqa: PTH123  # the plainest loop there is
        return sum(1 for _ in stream)


def one_regex(path: str) -> int:
    """Match one compiled expression a line and keep its numbers."""
    numbers, match = array("d"), LINE.match
    with Path(path).open(encoding="utf-8") as stream:
        for line in stream:
            if found := match(line):
                numbers.extend(map(float, found.groups()))
    return len(numbers)


def json_loads(path: str) -> int:
    """Read one object a line and keep its numbers."""
    numbers: dict[str, array[float]] = {}
    with Path(path).open(encoding="utf-8") as stream:
        for line in stream:
            for name, number in json.loads(line).items():
                if isinstance(number, str):  # durations and time stamps stay texts
                    continue
                if name not in numbers:
                    numbers[name] = array("d")
                numbers[name].append(number)
    return sum(map(len, numbers.values()))


def parse(path: str) -> int:
    """Read the records and drop them."""
    from copilot_analytics.reading.launches import LaunchFilter
    from copilot_analytics.reading.parsing import LogReader
    from copilot_analytics.reading.sources import read_chunks

    reader, launches = LogReader(path), LaunchFilter()
    for chunk in read_chunks(path):
        for item in reader.feed(chunk):
            for _ in launches.see(item):
                pass
    for item in reader.close():
        for _ in launches.see(item):
            pass
    return reader.stats.training + reader.stats.evaluations


def run(path: str) -> int:
    """Read the run."""
    from copilot_analytics.api import read_run

    return len(read_run(path).train_log)


def session(path: str) -> int:
    """Read and analyse the run."""
    from copilot_analytics.api import iter_items
    from copilot_analytics.engine import Session

    fold = Session(path=path)
    for item in iter_items(path):
        fold.update(item)
    fold.close()
    return len(fold.run.train_log)


WAYS: dict[str, Callable[[str], int]] = {
    way.__name__: way for way in (loop, one_regex, json_loads, parse, run, session)
} | ENGINES
OURS = frozenset({"parse", "run", "session"})


# -------------------------------------------------------------------------- measuring


def measure(way: str, path: str) -> None:
    """Read a log in one way and print what it cost; runs in a process of its own."""
    if way in OURS:  # their imports are paid once a process, however long the log
        for module in ("api", "engine"):
            import_module(f"copilot_analytics.{module}")
        import_module("copilot_analytics.reading.detect").known_formats()
    used = resource.getrusage(resource.RUSAGE_SELF)
    start = used.ru_utime + used.ru_stime
    wall = time.perf_counter()
    found = WAYS[way](path)
    wall = time.perf_counter() - wall
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - start
    peak = used.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    print(json.dumps({"cpu_s": cpu, "wall_s": wall, "peak_mib": peak, "found": found}))


def measured(way: str, path: Path) -> dict[str, float] | None:
    """Return what reading a log in one way costs, None if it fails."""
    command = [sys.executable, __file__, "--measure", way, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{way} failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def table(title: str, path: Path, lines: int, ways: list[str], baseline: str) -> dict[str, float]:
    """Print the costs of some ways; return their CPU seconds."""
    size = path.stat().st_size
    print(
        f"\n{title}: {lines:,} training lines, {size / 1e6:.0f} MB, {size / lines:.0f} bytes a line"
    )
    print(f"{'':24}{'CPU s':>8}{'wall s':>8}{'lines/CPU-s':>13}{'speed-up':>10}{'peak MiB':>10}")
    costs: dict[str, float] = {}
    for way in ways:
        cost = measured(way, path)
        if cost is None:
            continue
        costs[way] = cost["cpu_s"]
        faster = costs[baseline] / cost["cpu_s"] if baseline in costs else float("nan")
        print(
            f"{way:24}{cost['cpu_s']:8.2f}{cost['wall_s']:8.2f}{lines / cost['cpu_s']:13,.0f}"
            f"{faster:9.2f}x{cost['peak_mib']:10.0f}"
        )
    return costs


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--lines", type=int, default=1_000_000, help="training lines of the log")
    options.add_argument("--measure", nargs=2, metavar=("WAY", "LOG"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        measure(*asked.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        text, twin = write_logs(Path(folder), asked.lines)
        tenth, _ = write_logs(Path(folder), asked.lines // 10)
        table(
            "MMEngine text log; speed-up over one compiled regex a line", text, asked.lines,
            ["one_regex", "loop", "parse", "run", "session", *installed("text")], "one_regex",
        )  # fmt: skip
        table(
            "JSON twin; speed-up over json.loads a line", twin, asked.lines,
            ["json_loads", "loop", "parse", "run", *installed("json")], "json_loads",
        )  # fmt: skip
        for title, path in zip(
            ("LLaMA-Factory's JSON lines", "JSON lines with time stamps"),
            write_clocked(Path(folder), asked.lines),
            strict=True,
        ):
            ways = ["json_loads", "parse", "run"]
            table(f"{title}; speed-up over json.loads a line", path, asked.lines, ways, ways[0])
        events = write_events(Path(folder), asked.lines)
        theirs = installed("events")
        table(
            "Event file; speed-up over TensorBoard's EventAccumulator, if it is installed",
            events, asked.lines, [*theirs, "loop", "parse"], "event_accumulator",
        )  # fmt: skip
        print("\nTen times the lines cost")
        for way in ("parse", "session"):
            few, many = measured(way, tenth), measured(way, text)
            if few and many:
                print(f"    {way:12}{many['cpu_s'] / few['cpu_s']:6.1f} times the CPU")


if __name__ == "__main__":
    main()
