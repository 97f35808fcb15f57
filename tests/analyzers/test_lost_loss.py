"""A loss that leaves its best level and settles higher up, below where an explosion begins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics import Record
from copilot_analytics.analyzers._base import Fold
from copilot_analytics.analyzers.divergence import DivergenceAnalyzer

LOST_AT = 660


def language_model(after, seed=0, every=None, steps=2000):
    """Records of a loss that falls from 10.7, and takes another course after step 660."""
    noise = np.random.default_rng(seed)
    for step in range(10, steps + 1, 10):
        loss = 3.1 + 7.6 * math.exp(-step / 100) + 1.4 * math.exp(-step / 800)
        loss = after(step - LOST_AT, loss) if step > LOST_AT else loss
        loss += 0.04 * noise.normal()
        yield Record("train", step=step, metrics={"loss": loss}, line=step)
        if every and step % every == 0:
            result = {"val_ppl": math.exp(loss + 0.06)}
            yield Record("eval", step=step, metrics=result, line=step, facts={"split": "val"})


def told(records):
    """Return the state and the step of each change of the divergence."""
    changes = [("healthy", 0)]

    def note(run, results, _changed, _news):
        state = results.of(DivergenceAnalyzer).state
        if state != changes[-1][0]:
            changes.append((state, run.last_step))

    fold = Fold([DivergenceAnalyzer], on_look=note)
    for record in records:
        fold.update(record)
    return changes


def settles(since, _loss):
    return 7.4 - 4.0 * math.exp(-since / 20)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [None, 200, 500])
def test_a_loss_that_settles_far_above_its_best_diverges_and_is_never_well_again(every, seed):
    changes = told(language_model(settles, seed, every))
    assert [state for state, _ in changes] == ["healthy", "rising"]
    assert changes[1][1] - LOST_AT <= 150


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("every", [None, 200])
@pytest.mark.parametrize(
    "after",
    [
        pytest.param(lambda since, loss: loss + 3.7 * math.exp(-since / 40), id="falls back"),
        pytest.param(lambda _since, loss: loss + 0.5, id="somewhat harder data"),
    ],
)
def test_what_falls_back_or_loses_little_is_healthy(after, every, seed):
    assert told(language_model(after, seed, every)) == [("healthy", 0)]


def test_a_loss_that_settles_higher_while_evaluations_still_improve_is_healthy():
    """Strong augmentation from then on, as the evaluations show."""
    records = []
    for record in language_model(settles):
        records.append(record)
        if record.step % 20 == 0:
            score = {"val_acc": 0.8 - 0.7 * math.exp(-record.step / 900)}
            records.append(
                Record("eval", record.step, metrics=score, line=record.step, facts={"split": "val"})
            )
    assert told(records) == [("healthy", 0)]
