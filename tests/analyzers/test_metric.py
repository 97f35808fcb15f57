from __future__ import annotations

import math

import numpy as np
import pytest

from copilot_analytics.analyzers._base import Fold, Options
from copilot_analytics.analyzers._primary import better_ranked
from copilot_analytics.analyzers.metric import MetricAnalyzer
from copilot_analytics.errors import UnknownMetricError
from copilot_analytics.records import Record


def judge(rows, *, facts=None, others=(), options=None):
    fold = Fold([MetricAnalyzer], options)
    fold.update(Record("config", facts=facts or {}))
    for number, metrics in enumerate(rows, start=1):
        fold.update(Record("eval", step=number * 10, epoch=number, metrics=metrics, line=number))
    for record in others:
        fold.update(record)
    fold.update(Record("tick", facts={"final": True}))
    return fold.results.of(MetricAnalyzer)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("coco/bbox_mAP_50 coco/bbox_mAP_s coco/bbox_mAP coco/segm_mAP", "coco/bbox_mAP"),
        ("coco/segm_mAP_50 coco/segm_mAP", "coco/segm_mAP"),
        ("coco/AR (M)|coco/AP .5|coco/AP|coco/AR", "coco/AP"),
        ("aAcc mIoU mAcc", "mIoU"),
        ("IoU.wall IoU.floor mIoU", "mIoU"),
        ("dice.car dice.road mDice", "mDice"),
        ("accuracy/top5 accuracy/top1", "accuracy/top1"),
        ("accuracy_top-5 accuracy_top-1", "accuracy_top-1"),
        ("pascal_voc/AP50 pascal_voc/mAP", "pascal_voc/mAP"),
        ("metrics/precision metrics/recall metrics/mAP_0.5 metrics/F1", "metrics/mAP_0.5"),
        ("metrics/mAP_0.5 metrics/mAP_0.5:0.95 metrics/F1", "metrics/mAP_0.5:0.95"),
        ("AP50 AP75 mAP F1", "mAP"),
        ("val_loss accuracy", "accuracy"),
        ("SSIM PSNR", "PSNR"),
        ("icdar/precision icdar/recall icdar/hmean", "icdar/hmean"),
        ("loss data_time", "loss"),
        ("eval_mean_token_accuracy eval_loss", "eval_loss"),
        ("eval_token_acc eval_loss", "eval_loss"),
        ("test_class_error test_loss test_loss_ce", "test_loss"),
        ("accuracy precision recall FB1", "FB1"),
        ("max 100 episode reward|mean 100 episode reward", "mean 100 episode reward"),
        ("episode_reward_max episode_reward_mean", "episode_reward_mean"),
    ],
)
def test_the_metric_that_people_compare_by(names, chosen):
    split = names.split("|") if "|" in names else names.split()
    assert min(split, key=lambda name: better_ranked(name, split)) == chosen
    assert judge([dict.fromkeys(split, 0.5)] * 3).name == chosen


def test_save_best_wins_though_it_is_spelled_differently():
    rows = [{"coco/bbox_mAP": 0.2, "coco/bbox_mAP_50": 0.4}] * 2
    main = judge(rows, facts={"save_best": "bbox_mAP_50"})
    assert main.name == "coco/bbox_mAP_50"
    assert "save_best" in main.reason


def test_auto_is_what_the_checkpoints_name():
    saved = Record("checkpoint", facts={"best_metric": 0.4, "best_metric_name": "bbox_mAP_50"})
    rows = [{"coco/bbox_mAP": 0.2, "coco/bbox_mAP_50": 0.4}] * 2
    main = judge(rows, facts={"save_best": "auto"}, others=[saved])
    assert main.name == "coco/bbox_mAP_50"


def test_the_user_decides():
    rows = [{"acc": 0.5, "odd": 3.0}] * 2
    main = judge(rows, options=Options(metric="odd", direction="min"))
    assert (main.name, main.direction) == ("odd", "min")


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(UnknownMetricError, match="acc"):
        judge([{"acc": 0.5}], options=Options(metric="mIoU"))


def test_a_score_of_the_training_is_named_where_nothing_was_evaluated():
    trained = [Record("train", step=10, metrics={"loss": 1.0, "f1": 0.4, "lr": 0.1}, line=1)]
    (gap,) = judge([], others=trained).not_judged
    assert gap.why == "the log holds no evaluations (f1 stands in lines of the training)"
    with pytest.raises(UnknownMetricError, match="f1 stands in lines of the training"):
        judge([], others=trained, options=Options(metric="f1"))
    trained = [Record("train", step=10, metrics={"loss": 1.0, "lr": 0.1}, line=1)]
    assert judge([], others=trained).not_judged[0].why == "the log holds no evaluations"


def test_no_direction_no_judgement():
    main = judge([{"flumph": 0.5}] * 3)
    assert main.name is None
    assert "direction" in main.not_judged[0].why


def test_minus_one_and_nan_are_no_values():
    rows = [{"coco/bbox_mAP": v} for v in (-1.0, 0.3, math.nan, 0.2)]
    main = judge(rows)
    assert (main.best, main.n, main.last) == (0.3, 2, 0.2)
    only = judge([{"coco/bbox_mAP_s": -1.0, "coco/bbox_mAP_m": 0.4}] * 3)
    assert only.name == "coco/bbox_mAP_m"


def test_lower_is_better_for_losses():
    main = judge([{"val_loss": v} for v in (3.0, 1.0, 2.0)])
    assert (main.direction, main.best, main.best_step, main.scale) == ("min", 1.0, 20, "loss")


def test_scale_and_smallest_gain():
    assert judge([{"mIoU": v} for v in (10.0, 60.0)]).delta == 0.5
    assert judge([{"mIoU": v} for v in (0.1, 0.6)]).delta == 0.005
    assert judge([{"PSNR": v} for v in (20.0, 30.0)]).delta == pytest.approx(0.15)
    asked = judge([{"mIoU": 0.5}], options=Options(delta=0.02, delta_unit="relative"))
    assert asked.delta == pytest.approx(0.01)


def test_an_overlap_far_above_the_accuracy_in_per_cent_is_in_per_cent_too():
    collapsed = judge([{"pixAcc": acc, "mIoU": iou} for acc, iou in ((2.3, 0.23), (2.8, 0.34))])
    assert (collapsed.scale, collapsed.delta) == ("percent", 0.5)
    mixed = judge([{"pixAcc": acc, "mIoU": iou} for acc, iou in ((61.0, 0.23), (85.0, 0.34))])
    assert (mixed.scale, mixed.delta) == ("fraction", 0.005)
    assert judge([{"pixAcc": 0.028, "mIoU": 0.34}]).scale == "fraction"


def test_noise_and_ties():
    chance = np.random.default_rng(0)
    value = 0.5 + 0.01 * chance.normal(size=200)
    main = judge([{"mIoU": float(v)} for v in value])
    assert main.noise == pytest.approx(0.01, rel=0.25)
    assert main.ties[0].value == main.best == value.max()
    assert all(tie.value >= main.best - 1.01 * main.noise for tie in main.ties)
    assert judge([{"mIoU": 0.5}] * 4).noise is None


_OF_277 = [c / 277 for c in (150, 170, 180, 183, 181, 184, 176, 184, 186, 182)]


@pytest.mark.parametrize("whole", [1, 100])
def test_the_size_of_the_set_says_which_evaluations_are_as_good(whole):
    rows = [{"eval/acc1": round(whole * share, 4)} for share in _OF_277]
    main = judge(rows, facts={"eval_samples": 277})
    share = 186 / 277
    error = (share * (1 - share) / 277) ** 0.5
    assert (main.examples, main.resolution) == (277, whole / 277)
    assert main.error == pytest.approx(whole * error, rel=1e-3)
    assert main.noise < main.error
    assert {tie.step for tie in main.ties} == {30, 40, 50, 60, 80, 90, 100}
    told_nothing = judge(rows)
    assert {tie.step for tie in told_nothing.ties} < {tie.step for tie in main.ties}
    assert (told_nothing.examples, told_nothing.error) == (None, None)
    assert main.delta == told_nothing.delta


def test_two_evaluations_tie_though_their_noise_is_unknown():
    main = judge([{"val_accuracy": 0.9}, {"val_accuracy": 0.895}], facts={"eval_samples": 200})
    assert main.noise is None
    assert [tie.step for tie in main.ties] == [10, 20]


def test_a_straight_line_of_few_examples_has_the_noise_of_its_steps():
    rows = [{"accuracy": c / 50} for c in range(20, 30)]
    assert judge(rows).noise < 1e-9
    assert judge(rows, facts={"eval_samples": 50}).noise == pytest.approx(0.3 / 50)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("val_auc", 277),
        ("mIoU", 277),
        ("mAcc", 277),
        ("eval_loss", 277),
        ("eval_accuracy", 276),
        ("eval_accuracy", 0),
    ],
)
def test_what_counts_no_examples_has_no_error_of_theirs(name, told):
    main = judge([{name: share} for share in _OF_277], facts={"eval_samples": told})
    assert (main.examples, main.resolution, main.error) == (None, None, None)


def test_a_new_best_is_news():
    events = []
    fold = Fold([MetricAnalyzer], on_look=lambda _r, _s, _c, news: events.extend(news))
    for number, value in enumerate((0.1, 0.3, 0.2, 0.4), start=1):
        fold.update(Record("eval", step=number, metrics={"mIoU": value}, line=number))
    assert [(e.kind, e.line) for e in events] == [("best", 2), ("best", 4)]


def test_once_chosen_it_stays_unless_something_better_founded_comes():
    rows = [{"val_loss": 1.0}, {"val_loss": 0.9, "mIoU": 0.3}, {"val_loss": 0.8}]
    assert judge(rows).name == "mIoU"
    rows = [{"mIoU": 0.3}, {"mIoU": 0.3, "mDice": 0.4}]
    assert judge(rows).name == "mIoU"


def test_moderate_objects_of_kitti_are_judged_where_no_overall_is_logged():
    names = [f"KITTI/Car_3D_AP11_{part}_strict" for part in ("easy", "moderate", "hard")]
    assert min(names, key=lambda name: better_ranked(name, names)) == names[1]


def test_average_precisions_of_kitti_that_do_not_say_so_are_judged():
    parts = [f"{who}_{box}" for who in ("Car", "Overall") for box in ("3D", "BEV", "2D")]
    hard = ("easy", "moderate", "hard")
    main = judge([{f"pts_bbox/KITTI/{part}_{how}": 60.0 for part in parts for how in hard}] * 3)
    assert (main.name, main.direction) == ("pts_bbox/KITTI/Overall_3D_moderate", "max")


def _with_loss(names, values, losses):
    fold = Fold([MetricAnalyzer], None)
    for step, (value, loss) in enumerate(zip(values, losses, strict=True), start=1):
        fold.update(Record("train", step=step, metrics={"loss": loss}, line=step))
        metrics = dict.fromkeys(names, value)
        fold.update(Record("eval", step=step, metrics=metrics, line=step))
    fold.update(Record("tick", facts={"final": True}))
    return fold.results.of(MetricAnalyzer)


def test_a_share_named_by_its_split_that_rises_while_the_loss_falls_is_a_score():
    main = _with_loss(["Val"], [0.3, 0.5, 0.45, 0.6, 0.7], [2.0, 1.5, 1.2, 1.0, 0.9])
    assert (main.name, main.direction, main.best) == ("Val", "max", 0.7)
    assert "rises while the loss falls" in main.reason


@pytest.mark.parametrize(
    ("name", "values", "losses"),
    [
        ("Val", [0.9, 0.8, 0.6, 0.5, 0.4], [2.0, 1.5, 1.2, 1.0, 0.9]),  # falls: a loss?
        ("Val", [0.3, 0.5, 0.6, 0.7, 0.8], [1.0, 1.5, 1.6, 1.7, 1.9]),  # the loss rises as well
        ("Val", [110.0, 120.0, 130.0, 140.0, 150.0], [2.0, 1.5, 1.2, 1.0, 0.9]),  # no share
        ("Val", [2.0, 2.1, 2.3, 2.4, 2.6], [2.0, 1.5, 1.2, 1.0, 0.9]),  # neither 1 nor per cent
        ("Val", [0.3, 0.5, 0.6], [2.0, 1.5, 1.2]),  # too few
        ("foo", [0.3, 0.5, 0.6, 0.7, 0.8], [2.0, 1.5, 1.2, 1.0, 0.9]),  # a name of its own
    ],
)
def test_other_numbers_without_a_direction_stay_unjudged(name, values, losses):
    assert _with_loss([name], values, losses).name is None


@pytest.mark.parametrize(("train", "val"), [("train", "val"), ("tr", "va"), ("trn", "vl")])
@pytest.mark.parametrize(
    ("trained", "direction"),
    [([1.9, 1.7, 1.6, 1.5, 1.4, 1.35], "min"), ([1.5, 1.6, 1.5, 1.6, 1.5, 1.6], None)],
)
def test_what_falls_on_the_training_set_is_a_loss(train, val, trained, direction):
    fold = Fold([MetricAnalyzer], None)
    for step, value in enumerate(trained, 1):
        fold.update(Record("train", step=step, metrics={train: value}))
        fold.update(Record("eval", step=step, metrics={val: value + 0.1}))
    fold.update(Record("tick", facts={"final": True}))
    main = fold.results.of(MetricAnalyzer)
    assert (main.direction if main.name else None) == direction


def _beside(values, losses, **others):
    fold = Fold([MetricAnalyzer])
    for step, (value, loss) in enumerate(zip(values, losses, strict=True), start=1):
        beside = {name: float(column[step - 1]) for name, column in others.items()}
        fold.update(Record("train", step=step, metrics={"loss": loss, **beside}, line=step))
        fold.update(Record("eval", step=step, metrics={"val": value}, line=step))
    return fold.results.of(MetricAnalyzer)


OVERFITTED = np.concatenate((np.linspace(0.62, 0.5, 6), np.linspace(0.5, 0.7, 24)))
FALLING = np.linspace(0.65, 0.1, 30)


def test_a_share_beside_an_accuracy_is_the_loss_of_the_validation():
    main = _beside(OVERFITTED, FALLING, acc=np.linspace(0.75, 0.74, 30))
    assert (main.name, main.direction, main.best_step) == ("val", "min", 6)
    assert "acc stands beside it" in main.reason


def test_the_accuracy_of_the_training_alone_leaves_a_rising_share_a_score():
    main = _beside(np.linspace(0.2, 0.7, 8), np.linspace(1.9, 0.5, 8), train_acc=[0.5] * 8)
    assert (main.name, main.direction) == ("val", "max")


def test_what_begins_where_the_loss_does_is_no_score_because_it_rises():
    main = _beside(np.linspace(0.5, 0.7, 30), FALLING)
    assert main.name is None
    main = _beside(OVERFITTED, FALLING)
    assert (main.name, main.direction) == ("val", "min")


def test_what_rises_beside_an_accuracy_and_begins_where_that_does_is_not_guessed():
    rising = np.linspace(0.1, 0.7, 30)
    assert _beside(rising, np.linspace(2.3, 0.5, 30), acc=rising).name is None


def test_boxes_that_are_never_scored_yield_to_masks():
    rows = [{"bbox/AP": 0.0, "bbox/AP50": 0.0, "segm/AP": value} for value in (10.0, 12.0)]
    assert judge(rows).name == "segm/AP"
    assert judge([*rows, {"bbox/AP": 5.0, "segm/AP": 13.0}]).name == "bbox/AP"
    assert judge([{"bbox/AP": 0.0}] * 3).name == "bbox/AP"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ("rollout/ep_rew_mean eval/mean_ep_length eval/mean_reward", "eval/mean_reward"),
        ("episode_reward_max episode_reward_mean", "episode_reward_mean"),
        ("last_reward average_reward", "average_reward"),
        ("episode_return mean_episode_return", "mean_episode_return"),
        ("reward distance_reward", "reward"),
        ("recall@10 ndcg@10 precision@10", "ndcg@10"),
    ],
)
def test_which_return_or_ranking_is_the_main_one(names, chosen):
    assert judge([dict.fromkeys(names.split(), 0.5)]).name == chosen


def test_one_test_at_the_end_does_not_replace_what_was_measured_all_along() -> None:
    rows = [{"val_loss": 1.0 / n} for n in range(1, 7)]
    assert judge([*rows, {"test_acc": 0.9}]).name == "val_loss"
    assert judge([*rows[:2], {"test_acc": 0.9}]).name == "test_acc"


def test_parts_of_a_mean_come_behind_it() -> None:
    names = ["AUROC_cat", "AUROC_avg", "AUROC_dog"]
    assert min(names, key=lambda name: better_ranked(name, names)) == "AUROC_avg"


def test_that_another_metric_is_judged_from_here_on_is_told():
    told = []
    fold = Fold([MetricAnalyzer], on_look=lambda run, results, record, news: told.extend(news))
    for step in range(1, 7):
        if step == 4:
            fold.update(Record("config", facts={"save_best": "eval_loss"}))
        metrics = {"eval_accuracy": 0.5 + step / 100, "eval_loss": 0.7 + step / 100}
        fold.update(Record("eval", step, metrics=metrics))
    assert [event.key for event in told] == ["eval_accuracy", "eval_accuracy", "eval_loss"]
    assert told[-1].text == (
        "eval_loss 0.71 is the best so far; the run is judged by it from here on, "
        "no longer by eval_accuracy"
    )
