"""Losses that people call by names of their own: the log opens, and its series are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from home_logs import points, read

from copilot_analytics import analyze, read_run
from copilot_analytics.analyzers._losses import need_not_fall
from copilot_analytics.formats.home_table import FORMAT as HOME_TABLE
from copilot_analytics.formats.home_text import FORMAT as HOME_TEXT
from copilot_analytics.formats.plain_jsonl import FORMAT as PLAIN_JSONL
from copilot_analytics.schema import losses_among

if TYPE_CHECKING:
    from pathlib import Path

FALLING = [round(4 * 0.8**n + 0.5, 4) for n in range(14)]
RISING = [round(0.9 - 0.5**n, 4) for n in range(14)]


def log(line: str) -> str:
    rows = zip(FALLING, RISING, strict=True)
    return "".join(line.format(e=e, s=e * 100, a=a, b=b) + "\n" for e, (a, b) in enumerate(rows, 1))


@pytest.mark.parametrize(
    ("line", "names", "fewest"),
    [
        ("Epoch {e} l_rec: {a} l_kl: {b}", ["l_rec", "l_kl"], 4),
        ("Epoch {e}/20 ce: {a}", ["ce"], 4),
        ("epoch {e} hinge {a} triplet {b}", ["hinge", "triplet"], 4),
        ("epoch {e} recon: {a} kld: {b}", ["recon", "kld"], 4),
        ("iter {s}: D_real {a} D_fake {b}", ["D_real", "D_fake"], 4),
        ("step {s} | recon {a} | vq {b}", ["recon", "vq"], 4),
        ("step {s} | recon {a} | lr 1e-4", ["recon"], 4),
        ("[Epoch {e}] cls: {a} box: {b}", ["cls", "box"], 10),
        ("step {s} foo={a} bar={b} lr=1e-4", ["foo", "bar"], 10),
    ],
)
def test_rows_of_private_names_open(line: str, names: list[str], fewest: int) -> None:
    lines = log(line).splitlines()
    assert HOME_TEXT.confidence(lines[:fewest]) > 0.95
    assert HOME_TEXT.confidence(lines[:2]) < 0.95
    trained = points(read(log(line)), "train")
    assert [tuple(m[name] for name in names) for _, m in trained] == [
        (a, b)[: len(names)] for a, b in zip(FALLING, RISING, strict=True)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "step {s} sent={b} recv={a} rtt={b}",
        "iteration {e}: temp {a} pressure {b}",
        "iter {e}: residual {a}",
        "step {s} total {a} kinetic {b} potential {a}",
        "step {s} foo={b} bar=1.5 lr=1e-4",
        "epoch: 17000000{s} temp={a}",
        "Epoch {e}: up: {b} down: {b}",
    ],
)
def test_rows_of_other_programs_stay_closed(line: str) -> None:
    assert HOME_TEXT.confidence(log(line).splitlines()) < 0.5


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("step,l_rec,kld,lr", "{s},{a},{b},0.001"),
        ("epoch,recon,kld,total", "{e},{a},{b},{a}"),
        ("step,D_real,D_fake,G", "{s},{a},{b},{a}"),
    ],
)
def test_tables_of_private_names_open(header: str, line: str) -> None:
    lines = [header, *log(line).splitlines()]
    assert HOME_TABLE.confidence(lines) > 0.95
    other = [header.replace("D_", "a").replace("l_", "b").replace("kld", "c"), *lines[1:]]
    assert HOME_TABLE.confidence([other[0].replace("recon", "r"), *other[1:]]) < 0.5


def test_json_of_private_names_opens() -> None:
    line = '{{"step": {s}, "l_rec": {a}, "kld": {b}}}'
    assert PLAIN_JSONL.confidence(log(line).splitlines()) > 0.95
    assert PLAIN_JSONL.confidence(log(line.replace("kld", "n")).splitlines()) < 0.5


@pytest.mark.parametrize(
    ("names", "losses"),
    [
        (("recon", "kld", "total"), ("total", "recon")),
        (("kld", "l_rec"), ("l_rec",)),
        (("cls", "box"), ()),
        (("total", "count"), ()),
        (("Rec", "KL"), ()),
    ],
)
def test_the_training_loss_is_the_total_or_what_is_known_to_fall(
    names: tuple[str, ...], losses: tuple[str, ...]
) -> None:
    assert losses_among(names) == losses


def test_private_losses_of_a_game_need_not_fall(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(log("Epoch {e}/20 L_adv: {b} L_cyc: {a}"))
    analysis = analyze(read_run(path))
    assert "losses of a game (L_adv)" in {
        one.why.partition(" need")[0] for one in analysis.not_judged
    }
    assert not analysis.findings
    assert need_not_fall(["l_rec", "kld"], analysis.run.train_series("L_cyc").value) is None


def test_the_cost_of_courses_opens_a_log_that_counts_iterations() -> None:
    text = "".join(f"Cost after iteration {100 * n}: 0.{9 - n}5\n" for n in range(6))
    assert HOME_TEXT.confidence(text.splitlines()) > 0.5
    other = text.replace("Cost after iteration", "Iteration").replace(":", " cost:")
    assert HOME_TEXT.confidence(other.splitlines()) == 0  # tours and schedules have a cost, too
