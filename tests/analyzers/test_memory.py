from __future__ import annotations

import numpy as np
import pytest

from copilot_analytics.analyzers._devices import memory_of
from copilot_analytics.analyzers.memory import Memory, MemoryAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run


def memory_from(levels: list[float], *, gpu: str | None = None, planned: int = 4000) -> Memory:
    facts = {"planned_steps": planned, "gpu_name": gpu}
    records = [Record("config", facts={k: v for k, v in facts.items() if v is not None})]
    records += [
        Record("train", 10 * i, metrics={"memory_mib": level}, line=i)
        for i, level in enumerate(levels, start=1)
    ]
    return MemoryAnalyzer.of(Run.from_records(records))


def test_a_leak_and_where_it_ends() -> None:
    memory = memory_from([8000.0 + 20.0 * i for i in range(200)], gpu="Tesla T4")
    assert memory.growing
    assert memory.mib_per_1000_steps == pytest.approx(2000, rel=0.02)
    assert memory.limit_mib == 15109
    # 8000 MiB at step 10, 2 MiB a step.
    assert memory.reaches_limit_step == pytest.approx(3565, rel=0.02)


def test_a_leak_that_ends_after_the_run_reaches_nothing() -> None:
    memory = memory_from([8000.0 + 20.0 * i for i in range(200)], gpu="Tesla T4", planned=2100)
    assert memory.growing
    assert memory.reaches_limit_step is None


def test_an_allocator_that_levels_off_is_no_leak() -> None:
    levels = [8000.0 + 3000.0 * (1 - np.exp(-i / 20)) for i in range(300)]
    assert not memory_from([round(level) for level in levels]).growing


def test_records_of_variable_inputs_are_no_leak() -> None:
    grown = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sizes = 6000.0 + 800.0 * rng.normal(size=600)
        grown += memory_from(np.maximum.accumulate(sizes).tolist()).growing
        grown += memory_from(sizes.tolist()).growing
    assert grown <= 1


def test_a_restart_frees_memory() -> None:
    run = Run.from_records(
        [
            *(Record("train", s, metrics={"memory_mib": 5000.0 + s}) for s in range(1, 200)),
            Record("resume"),
            *(Record("train", s, metrics={"memory_mib": 5000.0}) for s in range(200, 400)),
        ]
    )
    memory = MemoryAnalyzer.of(run)
    assert not memory.growing
    assert memory.now_mib == 5000.0
    assert memory.peak_mib == 5199.0


def test_no_memory_logged_is_said() -> None:
    run = Run.from_records([Record("train", 1, metrics={"loss": 1.0})])
    assert MemoryAnalyzer.of(run).not_judged[0].what == "memory"


@pytest.mark.parametrize(
    ("name", "mib"),
    [
        ("Tesla V100-SXM2-32GB", 32276),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 5043),
        ("NVIDIA GeForce RTX 2080 Ti", 11019),
        ("NVIDIA GeForce RTX 2080 SUPER", None),
        ("NVIDIA GeForce RTX 3080 Laptop GPU", None),
        ("NVIDIA L40S", 46068),
        ("A unicorn", None),
        (None, None),
    ],
)
def test_device_names(name: str | None, mib: float | None) -> None:
    found = memory_of(name)
    assert found is None if mib is None else found == pytest.approx(mib, abs=1)
