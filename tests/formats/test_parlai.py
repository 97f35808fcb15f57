"""ParlAI's console: what its tables and ranks mean."""

from __future__ import annotations

from log_texts import records_in

PLACE = "10:00:{0}0 | time:{0}0s total_exs:{0}00 total_steps:{0}0 epochs:0.{0}\n"


def test_the_row_of_all_tasks_counts_and_a_torn_row_does_not() -> None:
    text = (
        PLACE.format(1)
        + "          gnorm  loss\n   all    1.5  2.50\n   toy_a  1.0  2.25\n   toy_b  2.0  2.75\n"
        + "          lr  ppl\n   all  1e-3  12.2\n\n"
        + PLACE.format(2)
        + "   gnorm  loss  ppl\n   1.25  2.25\n"
    )
    records = [r for r in records_in(text, "run.log") if r.kind == "train"]
    assert [(r.step, r.epoch, r.time, dict(r.metrics)) for r in records] == [
        (10, 0.1, 10.0, {"grad_norm": 1.5, "loss": 2.5, "lr": 1e-3, "ppl": 12.2})
    ]


def test_other_ranks_repeat_what_the_first_one_says() -> None:
    said = "[rank:  {rank}] [ time:{n}.0s total_exs:{n}0 epochs:{n}.5 ] {{'loss': 1.{n}}}\n"
    text = "".join(said.format(rank=rank, n=n) for n in (1, 2, 3) for rank in (1, 0))
    text += "".join(f"[rank:  {rank}] valid:{{'accuracy': 0.5}}\n" for rank in (0, 1))
    records = records_in(text, "run.log")
    assert [(r.step, r.metrics["loss"]) for r in records if r.kind == "train"] == [
        (10, 1.1),
        (20, 1.2),
        (30, 1.3),
    ]
    assert [dict(r.metrics) for r in records if r.kind == "eval"] == [{"accuracy": 0.5}]
    for size in (1, 50):
        assert repr(records_in(text, "run.log", size)) == repr(records)


def test_a_test_at_the_end_is_none_of_the_validations() -> None:
    text = (
        PLACE.format(1)
        + "   loss  lr\n   2.50  1e-3\n10:00:20 | test:\n   loss  ppl\n   2.0  7.5\n"
    )
    (test,) = [r for r in records_in(text, "run.log") if r.kind == "eval"]
    assert (test.facts, test.step, dict(test.metrics)) == (
        {"split": "test"},
        10,
        {"loss": 2.0, "ppl": 7.5},
    )
