"""The returns of an agent: when they are lost, and what its losses have to say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics import Record, Session
from copilot_analytics.alerts.policy import Context, Policy

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


def rolling(mean, seed, episodes=1500, over=100):
    """Each evaluation is the mean of the newest 100 episodes, ten of which are new."""
    noise = np.random.default_rng(seed).normal(size=episodes)
    level = [mean(10 * at / episodes) + 200 * noise[at] for at in range(episodes)]
    for at in range(10, episodes + 1, 10):
        value = float(np.mean(level[max(at - over, 0) : at]))
        name = {"rollout/ep_rew_mean": value}
        yield Record("eval", 200 * at, time=1.7e9 + 1.5 * at, metrics=name, line=at)


RETURNS = {
    "level from the start": lambda _share: -1200.0,
    "level after a rise": lambda share: -1200.0 + 900.0 * (1 - math.exp(-share / 0.3)),
    "rises late": lambda share: -1200.0 + 1000.0 / (1 + math.exp((5 - share) / 0.5)),
}


def told(records):
    session, policy, context, titles = Session(), Policy(), Context("key", "agent"), []
    for record in records:
        seen = len(session.events)
        session.update(record)
        titles += [
            (record.step, one.title)
            for one in policy.step(session.events[seen:], record.time or 0.0, context)
        ]
    return titles


@pytest.mark.parametrize("seed", range(1, 3))
@pytest.mark.parametrize("kind", RETURNS)
def test_a_return_that_wanders_is_neither_lost_nor_unstable_nor_to_be_stopped_early(kind, seed):
    titles = told(rolling(RETURNS[kind], seed))
    words = ("UNSTABLE", "DIVERGING", "COLLAPSED")
    assert not [title for _, title in titles if any(word in title for word in words)]
    assert sum("PLATEAU" in title for _, title in titles) <= 2
    assert all(step > 200 * 500 for step, title in titles if "STOP" in title)


def dead(kinds, records):
    return [told for told in kinds if told in {f.id for f in found(records).findings}]


@pytest.mark.parametrize("level", [20.0, -1200.0, 0.0])
def test_an_agent_whose_return_never_moves_learns_nothing(level):
    records = list(agent(lambda _episode: level, episodes=300))
    if level <= 0.0:
        noise = np.random.default_rng(1)
        records = [Record("config", facts={"planned_steps": PLANNED})]
        records += [
            Record("eval", step, metrics={"Reward": level * (1 + 0.1 * noise.normal())}, line=step)
            for step in range(1, 301)
        ]
    assert dead(["dead_agent"], records) and not dead(["dead_agent"], records[:150])


def test_without_a_plan_an_agent_is_given_three_hundred_evaluations():
    records = list(rolling(RETURNS["level from the start"], 1, episodes=3600))
    assert dead(["dead_agent"], records) and not dead(["dead_agent"], records[:290])


@pytest.mark.parametrize("kind", ["level after a rise", "rises late"])
def test_an_agent_that_learned_once_does_not_learn_nothing(kind):
    assert not dead(["dead_agent"], rolling(RETURNS[kind], 0, episodes=3300))
