"""Which of the metrics of an evaluation is the one that people compare runs by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# In the order of preference; matched against the last part of a name without blanks and case.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("NDS", r"nds$"),
    ("PQ", r"pq$|panoptic_?quality$"),
    ("box mAP", r"bbox_?m?ap|bbox/ap|box_?ap"),
    ("keypoint AP", r"keypoints?_?ap"),
    (
        "mAP",  # KITTI's average precisions do not say that they are
        r"mean_?average_?precision|map|^ap|[_/]ap|kitti/.*_(3d|bev|2d)_(easy|moderate|hard)",
    ),
    ("segm mAP", r"(segm|mask)_?m?ap"),
    ("PCK", r"m?pckh?(@|$)|pck_?accuracy"),
    ("NME", r"nme$"),
    ("EPE", r"epe$"),
    ("MPJPE", r"(p-)?mpjpe"),
    ("mIoU", r"m(ean)?_?io?u"),
    ("mDice", r"m(ean)?_?dice"),
    ("dice", r"dice"),
    ("IoU", r"iou"),
    ("F1 of entities", r"^fb1$"),  # conlleval's, beside the accuracy of tokens, most of them none
    (
        "accuracy",
        r"top[-@]?1(?!\d)|prec@?1$|acc(uracy)?_?1$|^acc(uracy)?$|[_/]acc(uracy)?$|acc/mean1|top1_acc",
    ),
    ("hmean", r"hmean"),
    ("word accuracy", r"word_?acc"),
    ("F1", r"f1|f-?score|fscore"),
    ("AUC", r"auc|auroc"),
    ("accuracy", r"acc"),
    ("error", r"(top-?1_?)?err(or)?$"),
    ("PSNR", r"psnr"),
    ("SSIM", r"ssim"),
    ("SDR", r"s[dn]ri?$"),
    ("FID", r"fid"),
    ("error rate", r"[wc]er$"),
    ("BLEU", r"bleu|rouge"),
    # Episodes played to evaluate; those of the rollouts explore while they learn.
    ("return of evaluations", r"^eval(uation)?[_/]\S*(rew|ret|success)"),
    ("return of the rollouts", r"ep(isode)?_?(rew|ret)(ard|urn)?_?mean"),
    ("reward", r"reward|return|success|ep_?rew|ep_?ret"),
    ("ranking", r"ndcg|mrr|(^|_)hits?(@|_|$)"),
    ("recall", r"recall|^ar|[_/]ar"),
    ("precision", r"precision"),
    ("perplexity", r"ppl|perplexity"),
)
_PATTERNS = tuple((title, re.compile(pattern)) for title, pattern in _FAMILIES)
_LOSS = re.compile(r"loss")
_WHOLE_LOSSES = frozenset(
    {"loss", "val_loss", "valid_loss", "eval_loss", "validation_loss", "test_loss"}
)
# How many tokens are guessed, and how far the answers that were chosen are told from those that
# were rejected (TRL), which the loss sums up; the Trainer keeps the checkpoint of the lowest loss.
# So is the error of DETR: that of the boxes which happen to be matched.
_SUMMED_UP_BY_LOSS = re.compile(
    r"(^|[/_])(class_error|(mean_)?token_acc(uracy)?"
    r"|(rewards|logps|logits)/(accuracies|margins|chosen|rejected))$"
)
_RETURN = re.compile(r"reward|return|ep_?(rew|ret)", re.IGNORECASE)
_PART = re.compile(
    r"([_/\s](s|m|l|xs|small|medium|large|easy|hard|novel|base)$)"
    r"|([_@/\s]?0?\.\d+)|((?<=ap)|(?<=recall)|(?<=map))[_@]?\d{2}(?!-)|top[-@]?[2-9]\d?|(acc_?|prec@)[2-9]$"
    r"|copypaste|iou_\d+|\((s|m|l|e|h)\)$"
)
_RANGE = re.compile(r"0?\.?5\d?[-:]0?\.?95")
_ONE_THRESHOLD = re.compile(r"m?ap[_@]?(?:\d{2}|0?\.\d{1,2})$")
_OVERALL = re.compile(r"(^|[._/\-@ ])(mean|macro|avg|average|overall|total|all|m(?=iou|dice|acc))")
_EXTREME = re.compile(r"(?<![a-z])(max|min)(?![a-z])")
_OF_ONE_EPISODE = re.compile(r"^(?:last|latest|current|episode|ep)_")
_MEAN_HEAD = re.compile(r"^(?:mean|avg|average|running|moving_average|moving_avg)_")
_MEAN_OF = re.compile(r"(?P<head>\S{1,60}[_\- ])(mean|macro|avg|average|overall)", re.IGNORECASE)
UNRANKED = 60


def rank_of(name: str, names: Sequence[str]) -> tuple[int, int, int]:
    """Rank a metric among its fellows: family, part of the data, place in the log.

    Examples
    --------
    >>> names = ["aAcc", "mIoU", "IoU.wall", "loss"]
    >>> min(names, key=lambda name: rank_of(name, names))
    'mIoU'
    """
    lower = name.strip().lower()
    key = re.sub(r"\s+", "_", lower)
    tail = re.split(r"/", key)[-1]
    part = 0
    without_range = _without_range(key)
    if _PART.search(without_range) and not _is_the_only_threshold(without_range, names):
        part += 1
    if _is_one_of_many(name, names):
        part += 2
    if tail.startswith("aacc"):
        part += 1
    if key.startswith("train"):
        part += 1
    if re.search(r"_(easy|hard)_", key):
        part += 1
    if _EXTREME.search(key) and _means_of(key) & {re.sub(r"\s+", "_", n.lower()) for n in names}:
        part += 1
    if is_a_return(name) and _is_of_one_episode(key, names):
        part += 1
    if tail.endswith("_reward") and any(other.strip().lower() == "reward" for other in names):
        part += 1
    if "kitti" in key and "overall" not in key:
        part += 1
    place = names.index(name) if name in names else len(names)
    if _SUMMED_UP_BY_LOSS.search(key):
        return 55, part, place
    if _LOSS.search(key):
        exact = tail in _WHOLE_LOSSES
        return 50, part + (0 if exact else 1), place
    for rank, (_, pattern) in enumerate(_PATTERNS):
        if pattern.search(tail) or (tail != key and pattern.search(key)):
            return rank, part, place
    return UNRANKED, part, place


def _is_of_one_episode(key: str, names: Sequence[str]) -> bool:
    """Tell whether a return is that of the last episode, and the mean of several stands by it."""
    if not _OF_ONE_EPISODE.match(key):
        return False
    plain = _OF_ONE_EPISODE.sub("", key)
    means = (o for o in (re.sub(r"\s+", "_", n.lower()) for n in names) if _MEAN_HEAD.match(o))
    return any(_OF_ONE_EPISODE.sub("", _MEAN_HEAD.sub("", mean)) == plain for mean in means)


def _without_range(key: str) -> str:
    return re.sub(r"ap_?(11|40)(?=_|$)", "ap", _RANGE.sub("", key))


def _is_the_only_threshold(key: str, names: Sequence[str]) -> bool:
    """Tell whether the precision at one overlap is all that is averaged, as YOLOv3 does."""
    if not _ONE_THRESHOLD.search(key):
        return False
    fellows = {_without_range(re.sub(r"\s+", "_", other.strip().lower())) for other in names}
    return not any("ap" in re.split(r"[^a-z]+|(?<=m)(?=ap)", other) for other in fellows - {key})


def better_ranked(name: str, names: Sequence[str]) -> tuple[int, int, int]:
    """Rank for choosing: a part of the data comes after the whole of any ranked family."""
    family, part, place = rank_of(name, names)
    return (part if family < UNRANKED else 9, family, place)


def _means_of(key: str) -> set[str]:
    """Return how the mean may be called beside the greatest or least of what was played."""
    return {_EXTREME.sub(word, key) for word in ("mean", "avg", "average")}


def _is_one_of_many(name: str, names: Sequence[str]) -> bool:
    """Tell per-class metrics such as ``IoU.wall``, which come in groups, from their mean."""
    if _OVERALL.search(name.lower()):
        return False
    if any(name.startswith(head) for head in map(_head_of_a_mean, names) if head):
        return True
    head, dot, tail = name.rpartition(".")
    if not dot or tail.isdigit():
        return False
    return sum(other.startswith(head + ".") for other in names) >= 2


def _head_of_a_mean(name: str) -> str:
    """Return what ``AUROC_avg`` and its parts begin with, ``AUROC_``; empty for other names."""
    found = _MEAN_OF.fullmatch(name)
    if found is None:
        return ""
    measure = re.split(r"/", found["head"].lower())[-1].rstrip("_ -")
    return found["head"] if any(pattern.search(measure) for _, pattern in _PATTERNS) else ""


def matching(wanted: str, names: Sequence[str]) -> str | None:
    """Find the metric that another part of the log calls by a slightly different name.

    Examples
    --------
    >>> matching("bbox_mAP", ["coco/bbox_mAP_50", "coco/bbox_mAP"])
    'coco/bbox_mAP'
    >>> matching("accuracy", ["accuracy_top-1", "accuracy_top-5"])
    'accuracy_top-1'
    """
    if wanted in names:
        return wanted
    flat = _flat(wanted)
    if not flat:
        return None
    tests: tuple[Callable[[str], bool], ...] = (
        lambda other: _flat(other) == flat,
        lambda other: _flat(re.split(r"/", other)[-1]) == _flat(re.split(r"/", wanted)[-1]),
        lambda other: _flat(other).endswith(flat) or flat.endswith(_flat(other)),
        lambda other: _flat(other).startswith(flat),
    )
    for test in tests:
        found = [name for name in names if _flat(name) and test(name)]
        if found:
            return min(found, key=lambda name: better_ranked(name, names))
    return None


def _flat(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BOUNDED = re.compile(
    r"m?ap(?![a-z])|iou|acc|dice|f1|fscore|precision|recall|auc|auroc|pck|hmean|top-?\d|nds|"
    r"(^|[_/])(ar|ap|pq|sq|rq)|err|[wc]er$|success"
)


def is_a_share(name: str) -> bool:
    """Tell whether a metric of this name is a share, printed as a fraction or in per cent.

    Examples
    --------
    >>> is_a_share("coco/bbox_mAP"), is_a_share("PSNR")
    (True, False)
    """
    lower = name.lower()
    return _BOUNDED.search(lower) is not None and _LOSS.search(lower) is None


def is_a_return(name: str) -> bool:
    """Tell whether a metric sums up the rewards of episodes.

    Examples
    --------
    >>> is_a_return("eval/mean_reward"), is_a_return("AverageEpRet"), is_a_return("accuracy")
    (True, True, False)
    """
    return _RETURN.search(name) is not None


def minus_one_means_nothing(name: str) -> bool:
    """Tell whether -1 in this metric means that there was nothing to measure, as in COCO's AP."""
    return re.search(r"(^|[_/. ])(m?ap|ar|map|recall|ap)(?![a-z])|map", name.lower()) is not None
