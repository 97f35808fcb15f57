"""Printed configurations: what is read from them, and that nothing in them is run."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_analytics.formats._openmmlab_config import read_config
from copilot_analytics.formats._openmmlab_facts import config_facts
from copilot_analytics.formats._openmmlab_schedule import schedule_of
from copilot_analytics.schedule import Stage

MMENGINE = """
max_epochs = 300
base_lr = 0.004
interval = 10
model = dict(
    backbone=dict(type='CSPNeXt'),
    bbox_head=dict(num_classes=20, anchors=(1, 2)),
    mask_head=dict(num_classes=20))
train_cfg = dict(
    dynamic_intervals=[(280, 1)],
    max_epochs=300,
    type='mmengine.runner.EpochBasedTrainLoop',
    val_begin=5,
    val_interval=10)
default_hooks = dict(
    checkpoint=dict(interval=10, save_best='coco/bbox_mAP', rule='greater'),
    logger=dict(interval=50, type='LoggerHook'))
log_processor = dict(by_epoch=True, type='LogProcessor', window_size=50)
optim_wrapper = dict(optimizer=dict(lr=0.004, type='AdamW', weight_decay=0.05))
param_scheduler = [
    dict(begin=0, by_epoch=False, end=1000, start_factor=1e-05, type='LinearLR'),
    dict(T_max=150, begin=150, by_epoch=True, convert_to_iter_based=True, end=300,
         eta_min=0.0002, type='CosineAnnealingLR'),
]
randomness = dict(seed=21)
work_dir = './work_dirs/toy'
"""


def test_a_plan_of_mmengine() -> None:
    facts = config_facts(read_config(MMENGINE))
    schedule = facts.pop("schedule")
    assert facts == {
        "planned_epochs": 300,
        "val_interval": 10,
        "val_unit": "epoch",
        "note": "evaluates from epoch 5 on; from epoch 280 on it evaluates every 1 epochs",
        "checkpoint_interval": 10,
        "checkpoint_unit": "epoch",
        "save_best": "coco/bbox_mAP",
        "save_best_direction": "max",
        "log_interval": 50,
        "smoothing": 50,
        "optimizer": "AdamW(lr=0.004, weight_decay=0.05)",
        "base_lr": 0.004,
        "num_classes": 20,
        "work_dir": "./work_dirs/toy",
        "seed": 21,
    }
    assert schedule.stages == (
        Stage("warmup", "step", 0, 1000, final_factor=1.0),
        Stage("cosine", "epoch", 150, 300, final_factor=pytest.approx(0.05)),
    )


def test_a_plan_of_mmcv() -> None:
    facts = config_facts(
        read_config(
            "runner = dict(type='IterBasedRunner', max_iters=80000)\n"
            "evaluation = dict(interval=8000, metric='mIoU', save_best='mIoU', rule='less')\n"
            "checkpoint_config = dict(by_epoch=False, interval=4000)\n"
            "log_config = dict(interval=50, hooks=[dict(type='TextLoggerHook', by_epoch=False)])\n"
            "lr_config = dict(policy='poly', power=0.9, min_lr=0.0001, by_epoch=False)\n"
            "optimizer = dict(type='SGD', lr=0.01, momentum=0.9)\n"
            "gpu_ids = range(0, 4)\n"
        )
    )
    assert facts.pop("schedule").stages == (
        Stage("poly", "step", final_factor=pytest.approx(0.01), power=0.9),
    )
    assert facts == {
        "planned_steps": 80000,
        "val_interval": 8000,
        "val_unit": "step",
        "checkpoint_interval": 4000,
        "checkpoint_unit": "step",
        "log_interval": 50,
        "smoothing": 50,
        "save_best": "mIoU",
        "save_best_direction": "min",
        "optimizer": "SGD(lr=0.01, momentum=0.9)",
        "base_lr": 0.01,
        "gpus": 4,
    }


@pytest.mark.parametrize(
    ("declared", "stage"),
    [
        (
            {"type": "MultiStepLR", "milestones": [3, 4], "gamma": 0.5, "begin": 2},
            Stage("multistep", "epoch", 2, None, (5, 6), 0.5),
        ),
        (
            {"type": "StepLR", "step_size": 4},
            Stage("multistep", "epoch", 0, None, (4, 8), 0.1),
        ),
        (
            {"type": "StepLR", "step_size": 40, "by_epoch": False},
            Stage("multistep", "step", 0, None, (40, 80), 0.1),
        ),
        (
            {"type": "LinearLR", "start_factor": 1.0, "end_factor": 0.1, "end": 12},
            Stage("linear", "epoch", 0, 12, final_factor=0.1),
        ),
        ({"type": "ExponentialLR", "gamma": 0.9}, Stage("exponential", gamma=0.9)),
        ({"type": "ConstantLR", "factor": 0.5, "end": 3}, Stage("warmup", "epoch", 0, 3)),
        ({"type": "OneCycleLR", "eta_max": 1.0}, Stage("other")),
        (
            {"type": "CosineRestartLR", "periods": [10, 20, 40], "eta_min": 0.0, "begin": 5},
            Stage("restarts", "epoch", 5, milestones=(15, 35), final_factor=0.0),
        ),
        (
            {"type": "CosineRestartLR", "periods": ["ten"], "by_epoch": False},
            Stage("restarts", "step", final_factor=0.0),
        ),
        (
            {"type": "CosineAnnealingLR", "T_max": 9, "eta_min_ratio": 0.01},
            Stage("cosine", "epoch", 0, 9, final_factor=0.01),
        ),
        (
            {"type": "PolyLR", "power": 0.9, "end": 100, "by_epoch": False, "eta_min": 0},
            Stage("poly", "step", 0, 100, final_factor=0.0, power=0.9),
        ),
        (
            {"type": "CosineAnnealingParamScheduler", "param_name": "lr", "end": 5},
            Stage("cosine", "epoch", 0, 5, final_factor=0.0),
        ),
        ({"type": "CosineAnnealingMomentum", "T_max": 9}, None),
    ],
)
def test_stages_of_mmengine(declared: dict[str, Any], stage: Stage | None) -> None:
    for form in (declared, [declared], {"generator": [declared]}):
        schedule = schedule_of({"param_scheduler": form}, 12, 120, 0.1)
        assert (None if schedule is None else schedule.stages[0]) == stage


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"policy": "step", "step": 5}, "drops ×0.1 at epochs 5, 10"),
        ({"policy": "step", "step": [3], "by_epoch": False}, "drops ×0.1 at steps 3"),
        ({"policy": "CosineAnnealing", "min_lr": 0}, "cosine"),
        ({"policy": "exp", "gamma": 0.9}, "exponential"),
        ({"policy": "fixed"}, "constant"),
        ({"policy": "cyclic", "target_ratio": [10, 1]}, "other"),
        (
            {"policy": "fixed", "warmup": "exp", "warmup_iters": 2, "warmup_by_epoch": True},
            "warm-up over 2 epochs, then constant",
        ),
    ],
)
def test_policies_of_mmcv(policy: dict[str, Any], words: str) -> None:
    assert str(schedule_of({"lr_config": policy}, 12, None, 0.1)) == words


def test_several_optimizers_are_named() -> None:
    text = (
        "optim_wrapper = dict(\n    constructor='MultiOptimWrapperConstructor',\n"
        "    generator=dict(optimizer=dict(type='Adam', lr=0.0001)),\n"
        "    critic=dict(optimizer=dict(type='SGD', lr=0.1)))\n"
    )
    facts = config_facts(read_config(text))
    assert facts["optimizer"] == "generator: Adam(lr=0.0001); critic: SGD(lr=0.1)"
    assert facts["base_lr"] == 0.0001


def test_disagreeing_numbers_of_classes_are_not_stated() -> None:
    text = "model = dict(a=dict(num_classes=2), b=[dict(num_classes=3)])"
    assert "num_classes" not in config_facts(read_config(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a = 2\nb = dict(c=a * 3, d=-a, e=a / 4, f='x' + 'y')",
            {"a": 2, "b": {"c": 6, "d": -2, "e": 0.5, "f": "xy"}},
        ),
        (
            "a = dict(b=lambda x: x, c=1, d=unknown, e=open('f'))",
            {"a": {"b": None, "c": 1, "d": None, "e": None}},
        ),
        ("a = {{_base_.b}}\nb = '{{_base_.c}}'", {"a": None, "b": "{{_base_.c}}"}),
        ("a = dict(f=<function f at 0x7f>, b=1)", {"a": {"f": None, "b": 1}}),
        ("a = dict(\n    b=1,\nsome foreign line [ 3/9\n    c=2)", {"a": {"b": 1, "c": 2}}),
        ("a = dict(\n    b=[1, 2,\n        3, 'cu", {"a": {"b": [1, 2, 3]}}),
        ("{'a': {'b': (1, None)}}", {"a": {"b": [1, None]}}),
        ("a = dict(b)\nc = dict(**a, d='D:\\work')", {"a": {}, "c": {"d": "D:\\work"}}),
        ("a = 10 ** 99999999", {"a": None}),
        (
            "a = range(0, 3)\nb = range(10 ** 9)\nc = range(1, 5, 0)",
            {"a": [0, 1, 2], "b": None, "c": None},
        ),
        (
            "a = 7 // 2\nb = 7 - 2\nc = {**{'d': 1}, 'e': 2, **None, 3 + 4: 5}",
            {"a": 3, "b": 5, "c": {"d": 1, "e": 2}},
        ),
        ("a = dict(b=1, **None, **dict(c=2))\nd = 1e999", {"a": {"b": 1, "c": 2}, "d": None}),
        ("a = " + "[" * 70 + "]" * 70 + "\nb = 1", None),
        ("a = 1 // 0\nb = 1 / 0", {"a": None, "b": None}),
        ("no config at all", {}),
    ],
)
def test_only_data_is_followed(text: str, expected: dict[str, Any] | None) -> None:
    found = read_config(text)
    assert found["b"] == 1 if expected is None else found == expected


def test_defaults_and_lists() -> None:
    text = (
        "val_dataloader = dict(batch_size=1)\n"
        "train_cfg = dict(type='IterBasedTrainLoop', max_iters=5000)\n"
        "default_hooks = dict(checkpoint=dict(save_best=['acc', 'f1'], rule=['greater', 'less']))\n"
    )
    facts = config_facts(read_config(text))
    assert (facts["val_interval"], facts["val_unit"]) == (1000, "step")
    assert (facts["save_best"], facts["save_best_direction"]) == ("acc", "max")
    facts = config_facts(read_config("evaluation = dict(start=3)\nlr_config = dict(policy='')"))
    assert (facts["val_interval"], facts["note"]) == (1, "evaluates from epoch 3 on")
    assert "schedule" not in facts


def test_what_cannot_be_listed_is_left_out() -> None:
    spaced = {"type": "StepLR", "step_size": None}
    schedule = schedule_of({"param_scheduler": spaced}, 12, None, None)
    assert schedule is not None
    assert schedule.stages[0].milestones == ()
    other = {"type": "LinearParamScheduler", "param_name": "momentum"}
    assert schedule_of({"param_scheduler": other}, 12, None, None) is None


def test_nothing_is_run(tmp_path: Any) -> None:
    target = tmp_path / "made"
    read_config(f"a = __import__('pathlib').Path({str(target)!r}).touch()\nb = exec('1/0')")
    assert not target.exists()


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "(" * 100_000,
        "a = " + "-" * 100_000 + "1",
        "a = " + "[" * 5000 + "]" * 5000,
        "a = [" + "1, " * 600_000,
        "a = dict(b=" * 2000,
        "\n".join(f"v{n} = [v{n - 1}] * 9" for n in range(1, 2000)),
        "a = '" + "\\" * 100_001,
    ],
)
def test_hostile_dumps_cost_little(text: str) -> None:
    start = time.process_time()
    config_facts(read_config(text))
    assert time.process_time() - start < 10


@given(st.text(alphabet="ab=dict()[]{},'\"\\ \n1.<>-*", max_size=80))
def test_any_text_is_taken(text: str) -> None:
    config_facts(read_config(text))
    config_facts(read_config("train_cfg = " + text))


@given(
    st.sampled_from(
        [
            "train_cfg",
            "runner",
            "param_scheduler",
            "lr_config",
            "optim_wrapper",
            "default_hooks",
            "evaluation",
            "optimizer",
            "log_processor",
            "model",
        ]
    ),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.text(max_size=3)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "lr",
                        "optimizer",
                        "interval",
                        "begin",
                        "end",
                        "step_size",
                        "milestones",
                        "policy",
                        "step",
                        "save_best",
                        "rule",
                        "hooks",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
)
def test_values_of_any_type_are_taken(name: str, content: Any) -> None:
    config_facts({name: content})
