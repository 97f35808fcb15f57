"""Trainings for a hostile writer: the sample logs, made sick, with noise between their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
SINGLE = ("digits_nan", "digits_plateau", "digits_step", "digits_crash", "digits_overfit")
LEAST_ROWS = 30  # of a training, so that a new one after it is known for one

_LOSS = re.compile(rb"(loss\w*: )([\d.]+)")
_SCORE = re.compile(rb"(digits/\w+: )([\d.]+)")
_ROW = b"Epoch(train)"
_NOISE = (
    "12%|█▏        | 3/25 [00:01<00:09]\r 40%|████      | 10/25\r100%|██████████| 25/25\n",
    "Café naïve – übergroß ✓ 学習率\n",
    "\n",
    "/site-packages/torch/x.py:1: UserWarning: loss: something else\n",
)


@dataclass
class Training:
    """One run: the lines of its first launch, and of each resume."""

    launches: list[list[bytes]]

    @property
    def size(self) -> int:
        """Bytes of it."""
        return sum(len(line) for launch in self.launches for line in launch)


@cache
def lines_of(name: str) -> tuple[tuple[bytes, ...], ...]:
    """Return the lines of each log of a sample."""
    logs = sorted((SAMPLES / name).glob("*/*.log"))
    return tuple(tuple(log.read_bytes().splitlines(keepends=True)) for log in logs)


def made(rng: Random, day: int, *, resumed: bool) -> Training:
    """Return a training that began on a day of its own, so that no two are taken for one.

    Parameters
    ----------
    rng
        Chooses what it is made from, and how it is sick.
    day
        Its day.
    resumed
        Whether it has a second launch.
    """
    name = "digits_resumed" if resumed else rng.choice(SINGLE)
    launches = [list(launch) for launch in lines_of(name)]
    if not resumed:
        launches = [_shortened(launches[0], rng)]
    for sickness in rng.sample((_nan, _spikes, _frozen, _explosion), rng.randint(0, 2)):
        sickness(launches, rng)
    if rng.random() < 0.25:
        launches[-1] = _crashed(launches[-1])
    date = b"%d/%02d/%02d" % (2027 + day // 336, 1 + day // 28 % 12, 1 + day % 28)
    return Training([_dated(_with_noise(launch, rng), date) for launch in launches])


def _rows(lines: list[bytes]) -> list[int]:
    return [number for number, line in enumerate(lines) if _ROW in line]


def _shortened(lines: list[bytes], rng: Random) -> list[bytes]:
    """Leave out the end, now and then."""
    rows = _rows(lines)
    most = min(len(rows), 110)  # a short log is read anew in a moment
    keep = rng.randint(2 * LEAST_ROWS, most) if most > 2 * LEAST_ROWS else len(rows)
    return lines if keep == len(rows) else lines[: rows[keep - 1] + 1]


def _change(lines: list[bytes], first: int, count: int, write: bytes) -> None:
    rows = _rows(lines)[first : first + count]
    for number in rows:
        lines[number] = _LOSS.sub(rb"\g<1>" + write, lines[number])


def _nan(launches: list[list[bytes]], rng: Random) -> None:
    _change(rng.choice(launches), rng.randint(15, 60), rng.choice((1, 3, 1000)), b"nan")


def _explosion(launches: list[list[bytes]], rng: Random) -> None:
    _change(rng.choice(launches), rng.randint(20, 60), rng.choice((8, 1000)), b"8765.4321")


def _spikes(launches: list[list[bytes]], rng: Random) -> None:
    for _ in range(rng.randint(1, 4)):
        _change(rng.choice(launches), rng.randint(15, 100), 1, b"%d.5" % rng.randint(20, 400))


def _frozen(launches: list[list[bytes]], rng: Random) -> None:
    launch = rng.choice(launches)
    for number, line in enumerate(launch):
        if number > len(launch) // 2:
            launch[number] = _SCORE.sub(rb"\g<1>0.5000", line)


def _crashed(lines: list[bytes]) -> list[bytes]:
    """End it with a traceback instead."""
    console = (SAMPLES / "digits_crash" / "console.log").read_bytes().splitlines(keepends=True)
    began = next(n for n, line in enumerate(console) if line.startswith(b"Traceback"))
    rows = _rows(lines)
    return lines[: rows[-1 - len(rows) // 8] + 1] + console[began:]


def _with_noise(lines: list[bytes], rng: Random) -> list[bytes]:
    after = _rows(lines)[:1] or [0]
    noisy = []
    for number, line in enumerate(lines):
        noisy.append(line)
        if number > after[0] and _ROW in line and rng.random() < 0.1:
            noisy.append(rng.choice(_NOISE).encode())
    return noisy


def _dated(lines: list[bytes], date: bytes) -> list[bytes]:
    return [line.replace(b"2026/11/24", date) for line in lines]
