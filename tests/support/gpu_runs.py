"""Made-up runs with samples of devices, for the tests of what is said about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from copilot_analytics.records import Record

TOTAL_MIB = 16000.0
EVERY_S = 10.0

Level = Callable[[int], dict[str, float]]


def healthy(at: int) -> dict[str, float]:
    """What a device says that has plenty to do and room to spare."""
    return {
        "gpu_memory_used_mib": 9000.0 + (at % 7),
        "gpu_memory_total_mib": TOTAL_MIB,
        "gpu_utilization_pct": 88.0 + at % 10,
        "gpu_temperature_c": 66.0,
        "gpu_throttle_thermal": 0.0,
        "gpu_throttle_power": 1.0,
        "gpu_process_memory_mib": 8900.0,
    }


def using(at: int, mib: float) -> dict[str, float]:
    """A healthy device with some memory in use, nearly all of it by the training."""
    return {**healthy(at), "gpu_memory_used_mib": mib, "gpu_process_memory_mib": mib - 100.0}


def gpu(at: int, metrics: dict[str, float], index: int = 0, **facts: object) -> Record:
    """One sample, `at` counting from the start of the run."""
    told = {"uuid": f"GPU-{index}", "index": index, "name": "A100", **facts}
    if "gpu_process_memory_mib" in metrics:
        told["pid"] = 4711
    return Record("gpu", time=EVERY_S * at + 1.0, metrics=metrics, facts=told, line=at)


def training(
    samples: int,
    *devices: Level,
    planned: int | None = None,
    evals_every: int = 0,
    starting: int = 1,
) -> Iterator[Record]:
    """A run that logs every 10 s and whose devices are read as often."""
    if planned is not None:
        yield Record("config", facts={"planned_steps": planned})
    for at in range(starting, starting + samples):
        loss = {"loss": 0.5 + 1.0 / at}
        yield Record("train", step=at, time=EVERY_S * at, line=at, metrics=loss)
        for index, level in enumerate(devices):
            yield gpu(at, level(at), index)
        if evals_every and at % evals_every == 0:
            result = {"acc": 0.5 + at / 1e5}
            facts = {"split": "val"}
            yield Record(
                "eval", step=at, time=EVERY_S * at + 5, line=at, metrics=result, facts=facts
            )
