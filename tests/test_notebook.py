"""The notebook that the project shows runs as it stands, and shows what the code gives."""

from __future__ import annotations

import re

import nbformat
import pytest
from notebooks import executed, text_of

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*")
AGAIN = "execute it again: python tests/support/notebooks.py reports/forecasting.ipynb"


@pytest.fixture(scope="module")
def path(repository):
    return repository / "reports" / "forecasting.ipynb"


def test_the_notebook_runs_and_shows_what_the_code_gives(path):
    shown, fresh = nbformat.read(path, as_version=4), executed(path)
    compared = 0
    for before, after in zip(shown.cells, fresh.cells, strict=True):
        if before.cell_type != "code":
            continue
        old, new = text_of(before), text_of(after)
        assert NUMBER.sub("#", old) == NUMBER.sub("#", new), AGAIN
        told = [float(found.replace(",", "")) for found in NUMBER.findall(old)]
        given = [float(found.replace(",", "")) for found in NUMBER.findall(new)]
        assert told == pytest.approx(given, rel=0.02, abs=0.011), AGAIN
        compared += len(told)
    assert compared > 80


def test_the_notebook_is_small_executed_and_of_no_machine(path, repository):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 300_000
    for trace in (str(repository), "/tmp/", "/home/", "/root/", "site-packages", "Traceback"):  # noqa: S108
        assert trace not in text
    cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    drawn = [out for cell in cells for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(drawn) == 1
