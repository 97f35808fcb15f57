"""The returns of an agent: when they are lost, and what its losses have to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics import Record, Session

PLANNED = 400


def agent(mean, seed=0, episodes=PLANNED):
    """One record and one return an episode; the loss rises with what the agent has to tell."""
    noise = np.random.default_rng(seed)
    yield Record("config", facts={"planned_steps": PLANNED})
    for episode in range(1, episodes + 1):
        level = mean(episode)
        reward = min(500.0, max(8.0, level + (0.12 * level + 6) * noise.normal()))
        loss = abs(0.5 + level / 250 + 0.3 * noise.normal())
        yield Record("train", step=episode, metrics={"loss": loss}, line=episode)
        yield Record("eval", step=episode, metrics={"Reward": reward}, line=episode)


def learns(episode):
    return 20 + 430 / (1 + math.exp(-(episode - 100) / 28))


def lost_for(first, last):
    return lambda episode: 25.0 if first < episode <= last else learns(episode)


def found(records):
    session = Session()
    for record in records:
        session.update(record)
    return session


@pytest.mark.parametrize("seed", range(2))
def test_a_return_that_is_lost_for_long_diverges_though_the_loss_falls(seed):
    session = found(agent(lost_for(240, PLANNED), seed))
    findings = {finding.id: finding for finding in session.findings}
    assert "metric_collapse" in findings
    assert 235 <= findings["metric_collapse"].step <= 245
    assert "dead_run" not in findings
    phases = [event.step for event in session.events if "DIVERGING" in event.text]
    assert phases and 240 < phases[0] <= 300


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "mean",
    [
        pytest.param(learns, id="learns"),
        pytest.param(lost_for(240, 260), id="a short dip"),
        pytest.param(lambda _episode: 20.0, id="never learns"),
    ],
)
def test_returns_that_come_back_or_never_came_are_no_collapse(mean, seed):
    session = found(agent(mean, seed))
    assert "metric_collapse" not in {e.key for e in session.events if e.kind == "finding"}
    assert not [event for event in session.events if "DIVERGING" in event.text]


@pytest.mark.parametrize("seed", range(3))
def test_returns_below_those_of_the_untrained_agent_are_lost_at_once(seed):
    """One record is the mean of many episodes; a policy that gives up is worse than chance."""

    def rollouts(lost_until):
        noise = np.random.default_rng(seed)
        for nth in range(1, 61):
            level = 9.4 if 25 < nth <= lost_until else 20 + 4 * nth
            metrics = {"rollout/ep_rew_mean": level * (1 + 0.01 * noise.normal())}
            yield Record("train", step=nth, metrics={"loss": 1.0 + 0.1 * noise.normal()}, line=nth)
            yield Record("eval", step=nth, metrics=metrics, line=nth)

    told = [e for e in found(rollouts(60)).events if e.key == "metric_collapse"]
    assert [event.kind for event in told] == ["finding"] and told[0].step == 33
    assert "metric_collapse" not in {event.key for event in found(rollouts(32)).events}


def test_beside_returns_a_loss_that_stands_still_is_no_dead_run():
    def stands(episode):
        return learns(episode)

    records = []
    for record in agent(stands):
        if record.kind == "train":
            noise = 0.002 * math.sin(record.step)
            record = Record("train", record.step, metrics={"loss": 0.48 + noise}, line=record.line)
        records.append(record)
    assert "dead_run" not in {e.key for e in found(records).events if e.kind == "finding"}
