"""Home-made logs of agents, games and networks that play against each other."""

from __future__ import annotations

import pytest
from home_logs import points, read

from copilot_analytics.formats.home_text import FORMAT


def test_the_total_of_a_game_is_no_loss() -> None:
    lines = [f"Round {i}: player score: 1{i}.5, enemy score: 9.5, total: 2{i}.0" for i in range(20)]
    assert FORMAT.confidence(lines) < 0.5


@pytest.mark.parametrize("form", ["[{}/9][{}/40] D: 1.{} G: 0.{}", "[{}/9][{}/40] d 1.{} | g 0.{}"])
def test_two_networks_by_their_letters_tell_losses(form: str) -> None:
    text = "".join(form.format(e, i, i, i) + "\n" for e in (1, 2) for i in (10, 20, 30, 40))
    rows = points(read(text), "train")
    assert len(rows) == 8
    assert all(name.lower() in {"d loss", "g loss"} for _, row in rows for name in row)
    assert FORMAT.confidence(text.splitlines()) > 0.95


def test_a_lone_letter_is_no_loss() -> None:
    text = "".join(f"[{i}/9] G: 0.{i}5\n" for i in range(1, 9))
    assert FORMAT.confidence(text.splitlines()) < 0.5


@pytest.mark.parametrize("over", ["Avg(10)", "Mean (last 10)", "MA(100)"])
def test_how_many_a_mean_is_of_is_not_its_value(over: str) -> None:
    text = "".join(
        f"Episode {e} | Reward: 3{e}.5 | {over}: 2{e}.25 | loss: 0.{e}\n" for e in range(1, 9)
    )
    told = [row for _, row in points(read(text), "eval")]
    trained = [row for _, row in points(read(text), "train")]
    values = [set(a.values()) | set(b.values()) for a, b in zip(told, trained, strict=True)]
    assert values == [{float(f"3{e}.5"), float(f"2{e}.25"), float(f"0.{e}")} for e in range(1, 9)]


@pytest.mark.parametrize(
    "name",
    [
        "Avg Reward (100):",
        "Average Score (last 100):",
        "Mean reward (100 ep) =",
        "Mean Return [100]:",
        "Avg return [last 100 episodes]:",
        "Avg (100):",
    ],
)
def test_how_many_episodes_a_return_is_the_mean_of_is_not_its_value(name: str) -> None:
    text = "".join(f"Episode {e}/9  {name} 45{e}.25  Epsilon: 0.9{e}\n" for e in range(1, 9))
    told = [list(row.values()) for _, row in points(read(text), "eval")]
    assert told == [[450 + e + 0.25] for e in range(1, 9)]


def test_measures_of_the_first_k_are_told_apart_by_k() -> None:
    text = "".join(
        f"Epoch {e} loss: 0.{9 - e}1 val Recall (10): 0.3{e}, val Recall (20): 0.4{e}\n"
        for e in range(1, 6)
    )
    told = [row for _, row in points(read(text), "eval")]
    assert told == [
        {"val Recall": float(f"0.3{e}"), "val Recall (20)": float(f"0.4{e}")} for e in range(1, 6)
    ]


def test_losses_below_the_line_of_an_episode_stand_at_it() -> None:
    text = "".join(
        f"Episode {e}0 | Reward: {e}7.5\n   Training: Actor Loss=0.0{e}, Critic Loss=0.4{e}\n"
        for e in range(1, 9)
    )
    # what stands alone for once may be a setting, so that rows begin with the second
    assert [p for p, _ in points(read(text), "train")] == [10 * e for e in range(2, 9)]


@pytest.mark.parametrize(
    "said", ["in episode {} is {}.5", "for episode {}: {}.5", "after episode {} = {}.5"]
)
def test_the_total_of_an_episode_is_named_before_it(said: str) -> None:
    text = "".join(f"Total reward {said.format(e, 2 * e)} steps: {90 * e}\n" for e in range(1, 9))
    assert points(read(text), "eval") == [(e, {"Total reward": 2 * e + 0.5}) for e in range(1, 9)]
    assert FORMAT.confidence(text.splitlines()) > 0.95


@pytest.mark.parametrize(
    "form", ["[{} : {:6d}] loss G : 1.{} loss D : 0.{}", "[{}, {}] G: 1.{}, D: 0.{}"]
)
def test_a_pair_of_a_stage_and_its_iteration_may_have_a_colon(form: str) -> None:
    text = "".join(form.format(0, i * 100, i, i) + "\n" for i in range(1, 9))
    assert [step for step, _ in points(read(text), "train")] == [100 * i for i in range(1, 9)]


@pytest.mark.parametrize("name", ["Cumulative Reward", "Cummulative Reward", "Cumullative Return"])
def test_a_reward_that_sums_up_is_one_however_it_is_spelt(name: str) -> None:
    text = "".join(f"Episode {e} - {name} -{90 - e}.5 - Mean Loss 0.{e}1\n" for e in range(1, 7))
    records = read(text)
    assert points(records, "eval") == [(e, {name: -(90.5 - e)}) for e in range(1, 7)]
    assert points(records, "train") == [(e, {"Mean Loss": float(f"0.{e}1")}) for e in range(1, 7)]


@pytest.mark.parametrize("name", ["episodic returns", "Episode reward"])
def test_episodes_that_tell_nothing_but_their_return_are_counted(name: str) -> None:
    text = "".join(f"2024-05-01 10:00:0{i},100 DQN INFO {name}: {20 + i}\n" for i in range(9))
    assert FORMAT.confidence(text.splitlines()) > 0.95
    told = points(read(text), "eval")
    assert told == [(i + 1, {name: 20.0 + i}) for i in range(9)]
    assert points(read(text, cuts=(100, 250, 300)), "eval") == told


def test_an_agent_that_is_evaluated_at_some_epochs_is_a_training() -> None:
    lines = [
        line
        for e in range(1, 60)
        for line in (
            f"Epoch: {e}, global_step={e * 2048}",
            *([f"Total reward during evaluation: {e}.5"] if e % 10 == 0 else []),
            "SPS: 1700",
        )
    ]
    assert FORMAT.confidence(lines) > 0.95
    told = [r for r in read("\n".join(lines)) if r.kind == "eval"]
    assert [r.epoch for r in told] == [10, 20, 30, 40, 50]


def test_returns_are_those_of_agents_whatever_they_are_called() -> None:
    lines = [
        line
        for i in range(1, 20)
        for line in (
            f"[step {i * 3200:7d}] pg=-0.03{i}  vf=3.4{i}  ent=2.86  sps=898  ep_ret=61{i}.6",
            *([f"  [eval] return=62{i}.1±3.8  win_rate=0.{i + 10}"] if i % 3 == 0 else []),
        )
    ]
    assert FORMAT.confidence(lines) > 0.95
