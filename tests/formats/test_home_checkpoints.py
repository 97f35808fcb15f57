"""What home-made logs say of their best checkpoint, and of the patience that ends them."""

from __future__ import annotations

import pytest
from home_logs import facts, read

from copilot_analytics.analyzers.lifecycle import LifecycleAnalyzer
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.records import Record
from copilot_analytics.run import Run


def stopped_by_patience(told: str, digits: int) -> str:
    """Return a log as pytorchtools' EarlyStopping leaves it: its best loss is that of epoch 3."""
    losses = [0.91234, 0.71234, 0.61234, 0.65234, 0.64234, 0.66234]
    lines, best = [], float("inf")
    for epoch, loss in enumerate(losses, 1):
        lines.append(f"[ {epoch}/90] train_loss: 0.{9 - epoch}1111 valid_loss: {loss:.{digits}f}")
        lines[-1] += f" val_acc: 0.8{epoch}"
        if loss < best:
            lines.append(told.format(old=best, new=loss, epoch=epoch))
            best = loss
        else:
            lines.append(f"EarlyStopping counter: {epoch - 3} out of 3")
    return "\n".join(lines) + "\nEarly stopping\n"


@pytest.mark.parametrize(
    "told",
    [
        "Validation loss decreased ({old:.6f} --> {new:.6f}).  Saving model ...",
        "valid_loss improved from {old:.5f} to {new:.5f}, saving model to weights.pt",
        "New best model saved (valid_loss: {new:.5f})",
    ],
)
@pytest.mark.parametrize("digits", [4, 5])
def test_what_chooses_the_checkpoint_of_an_early_stop_is_the_main_metric(
    told: str, digits: int
) -> None:
    records = read(stopped_by_patience(told, digits))
    assert facts(records)["save_best"] == "valid_loss"
    saved = [(r.step, r.facts["best_metric"]) for r in records if r.kind == "checkpoint"]
    assert saved == [(1, 0.91234), (2, 0.71234), (3, 0.61234)]
    assert records[-1].facts == {"reason": "Early stopping", "stopped_early": True}
    run = Run.from_records(records)
    life = LifecycleAnalyzer.of(run)
    assert (life.status, life.stopped_early) == ("finished", True)
    metric = MetricAnalyzer.of(run)
    assert (metric.name, metric.best_step) == ("valid_loss", 3)


def test_the_epoch_that_a_best_checkpoint_names_is_where_it_was_saved() -> None:
    rows = "Epoch {0}/9 loss: 0.{1}1 val_loss: 0.{1}5\nBest model saved at epoch {0}\n"
    text = "".join(rows.format(e, 9 - e) for e in range(1, 5)) + "Best model saved at epoch 2\n"
    steps = [r.step for r in read(text) if r.kind == "checkpoint"]
    assert steps == [1, 2, 3, 4, None]


@pytest.mark.parametrize(
    "said",
    [
        "EarlyStopping triggered",
        "[net] early stop after 9 epochs (no improvement for 3)",
        "Stopping early at epoch 5",
        "No improvement for 3 epochs, stopping training.",
    ],
)
def test_other_words_of_patience(said: str) -> None:
    text = "".join(f"Epoch {e}/9 loss: 0.{9 - e}1 val_loss: 0.5{e}\n" for e in range(1, 5))
    assert read(text + said + "\n")[-1].facts == {"reason": said, "stopped_early": True}
    for goes_on in ("EarlyStopping counter: 2 out of 9", "No improvement for 2 epochs."):
        assert all(r.kind != "end" for r in read(text + goes_on + "\n"))


def test_training_that_stops_early_and_then_says_that_it_is_done_was_stopped() -> None:
    records = read(stopped_by_patience("New best model saved (valid_loss: {new:.5f})", 5))
    run = Run.from_records([*records, Record("end", facts={"reason": "Training finished"})])
    assert LifecycleAnalyzer.of(run).stopped_early


def test_the_next_best_tells_which_way_an_unknown_measure_is_better() -> None:
    means = [0.41, 0.52, 0.5, 0.61]
    text = "".join(
        f"Epoch {e}/4 | lr=1e-3 | train_loss=0.{9 - e}5 | val_mean={m:.4f} (A=0.9{e}, B=0.8{e})\n"
        + ("" if m == 0.5 else f"  Saved best checkpoint: best.pth (val_mean={m:.4f})\n")
        for e, m in enumerate(means, 1)
    )
    said = {k: v for r in read(text) for k, v in r.facts.items() if k.startswith("save_best")}
    assert said == {"save_best": "val_mean", "save_best_direction": "max"}


def test_lines_of_several_bests_tell_no_direction() -> None:
    means = [(0.41, 0.312), (0.52, 0.305), (0.51, 0.333), (0.53, 0.351)]
    text = "".join(
        f"[{e}00/400] Train loss: 0.{9 - e}5, Valid loss: 0.9{e}\nNow_a: {a:.4f}, Now_b: {b:.4f}\n"
        f"Best_a: {max(means[:e])[0]:.4f}, Best_b: {max(m[1] for m in means[:e]):.4f}\n"
        for e, (a, b) in enumerate(means, 1)
    )
    assert all("save_best_direction" not in r.facts for r in read(text))
