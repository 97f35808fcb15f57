"""Other engines that read the same logs, for comparison; those that are not installed are left out.

Each takes the path of a log and returns how many numbers it found, as columns.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBER = r"([-+\d.e]+|nan|inf)"


def _line_pattern(names: tuple[str, ...]) -> str:
    """Return a regular expression that finds the numbers of a training line."""
    pairs = "  ".join(f"{name}: {NUMBER}" for name in names)
    return (
        r"(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d) - mmengine - INFO - "
        r"Epoch\(train\) \[(\d+)\]\[ *(\d+)/(\d+)\]  "
        rf"base_lr: {NUMBER}  lr: {NUMBER}  eta: (?:\d+ days?, )?\d+:\d+:\d+  {pairs}"
    )


LOSSES = ("loss", "loss_rpn_cls", "loss_rpn_bbox", "loss_cls", "loss_bbox", "loss_mask",
          "loss_iou", "loss_dn")  # fmt: skip
PATTERN = _line_pattern(("time", "data_time", "memory", "grad_norm", *LOSSES))


def pandas_text(path: str) -> int:
    """Extract with pandas."""
    import pandas as pd

    lines = pd.Series(Path(path).read_text(encoding="utf-8").split("\n"))
    found = lines.str.extract(PATTERN).dropna().astype("float64")
    return int(found.size)


def polars_text(path: str) -> int:
    """Extract with polars."""
    import polars as pl

    lines = pl.Series("line", Path(path).read_text(encoding="utf-8").split("\n"))
    groups = lines.str.extract_groups(PATTERN).struct.unnest().drop_nulls().cast(pl.Float64)
    return groups.height * groups.width


def pyarrow_text(path: str) -> int:
    """Extract with pyarrow, whose expressions name their groups."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number, parts = 0, []
    for part in PATTERN.split("("):
        if parts and not part.startswith("?:") and not parts[-1].endswith("\\"):
            part, number = f"?P<g{number}>{part}", number + 1
        parts.append(part)
    lines = pa.array(Path(path).read_text(encoding="utf-8").split("\n"))
    found = pc.extract_regex(lines, "(".join(parts)).drop_null()
    return sum(len(column.cast(pa.float64())) for column in found.flatten())


def duckdb_text(path: str) -> int:
    """Extract with duckdb."""
    import duckdb

    groups = PATTERN.count("(") - PATTERN.count("(?:") - PATTERN.count(r"\(")
    names = ", ".join(f"'g{number}'" for number in range(groups))
    query = f"""
        SELECT unnest(regexp_extract(line, $pattern, [{names}])) FROM
        (SELECT unnest(string_split(content, chr(10))) AS line FROM read_text($path))
        WHERE line LIKE '%Epoch(train)%'
    """  # noqa: S608  # names of groups, made here
    found = duckdb.execute(query, {"pattern": PATTERN, "path": path}).fetchnumpy()
    return sum(len(column.astype("float64")) for column in found.values())


def pandas_json(path: str) -> int:
    """Read JSON lines with pandas."""
    import pandas as pd

    return int(pd.read_json(path, lines=True).size)


def polars_json(path: str) -> int:
    """Read JSON lines with polars."""
    import polars as pl

    found = pl.read_ndjson(path, infer_schema_length=None)
    return found.height * found.width


def pyarrow_json(path: str) -> int:
    """Read JSON lines with pyarrow."""
    from pyarrow import json

    found = json.read_json(path)
    return found.num_rows * found.num_columns


def duckdb_json(path: str) -> int:
    """Read JSON lines with duckdb."""
    import duckdb

    found = duckdb.execute("SELECT * FROM read_json_auto($path)", {"path": path}).fetchnumpy()
    return sum(map(len, found.values()))


def event_accumulator(path: str) -> int:
    """Read an event file with TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(path, size_guidance={"scalars": 0})
    accumulator.Reload()
    return sum(len(accumulator.Scalars(tag)) for tag in accumulator.Tags()["scalars"])


ENGINES: dict[str, Callable[[str], int]] = {
    way.__name__: way
    for way in (
        pandas_text, polars_text, pyarrow_text, duckdb_text, pandas_json, polars_json,
        pyarrow_json, duckdb_json, event_accumulator,
    )
}  # fmt: skip


def installed(kind: str) -> list[str]:
    """Return the engines for a kind of log whose library is here.

    Parameters
    ----------
    kind
        ``text``, ``json`` or ``events``.
    """
    if kind == "events":
        has = importlib.util.find_spec("tensorboard") is not None
        return ["event_accumulator"] if has else []
    names = [name for name in ENGINES if name.endswith(f"_{kind}")]
    return [name for name in names if importlib.util.find_spec(name.partition("_")[0])]
