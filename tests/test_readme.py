"""What the README shows must run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from copilot_analytics.reading.detect import known_formats
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import records_of

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_lists_every_format_once_and_no_other() -> None:
    section = README.read_text(encoding="utf-8").partition("## Logs that it reads\n")[2]
    rows = [line for line in section.partition("\n### ")[0].splitlines() if line.startswith("| ")]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(known_formats())


def test_the_format_in_the_readme_reads_its_sample() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [block for block in blocks if "StatementFormat" in block]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    namespace: dict[str, object] = {"__name__": "my_format"}
    exec(compile(code, "README.md", "exec"), namespace)  # noqa: S102  # our own text
    log_format = namespace["FORMAT"]
    reader = LogReader("log", "mine", formats={"mine": log_format})
    (sample,) = log_format.samples
    items = [*reader.feed(sample.text.encode()), *reader.close()][1:]
    records = list(records_of(items))
    assert [(r.kind, r.step, r.line) for r in records] == [
        (r.kind, r.step, r.line) for r in sample.records
    ]
    for found, meant in zip(records, sample.records, strict=True):
        assert dict(found.metrics) == dict(meant.metrics) and dict(found.facts) == dict(meant.facts)
    assert reader.detection is not None
    assert LogReader("log", formats={"mine": log_format}).feed(sample.text.encode())
