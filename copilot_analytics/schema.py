"""Names that every format translates into, with their units, and the direction of metrics.

A format keeps the log's own name for a loss or an evaluation metric (``loss_cls``,
``coco/bbox_mAP``) and translates what every trainer logs under some name into the columns below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column.

    Parameters
    ----------
    dtype
        NumPy dtype in frames.
    unit
        Unit in words; empty for pure numbers.
    meaning
        What it says.
    """

    dtype: str
    unit: str
    meaning: str


COLUMNS: dict[str, Column] = {
    "step": Column("int64", "optimizer updates", "updates done so far, the x-axis"),
    "epoch": Column("float64", "epochs", "progress; 2.5 is the middle of the third epoch"),
    "time": Column("datetime64[ns]", "", "time stamp of the line; naive unless meta says UTC"),
    "line": Column("int64", "", "line of the log, from 1"),
    "segment": Column("int64", "", "stretch between resumes, from 0"),
    "superseded": Column("bool", "", "a later resume wrote this step again"),
    "loss": Column("float64", "", "total training loss, averaged as meta.smoothing says"),
    "lr": Column("float64", "", "learning rate of the first parameter group"),
    "base_lr": Column("float64", "", "learning rate before layer-wise scaling"),
    "grad_norm": Column("float64", "", "norm of the gradient, before clipping as a rule"),
    "loss_scale": Column("float64", "", "what mixed precision multiplies the loss with"),
    "iter_time_s": Column("float64", "seconds", "time of one iteration"),
    "data_time_s": Column("float64", "seconds", "part of it spent waiting for data"),
    "memory_mib": Column("float64", "MiB", "peak memory of the framework's allocator"),
    "eta_s": Column("float64", "seconds", "the log's own estimate of the time left"),
}
"""Canonical columns of `Run.train` and `Run.eval`; every other column is a float64 metric."""

BOOKKEEPING = frozenset(
    {
        "lr",
        "base_lr",
        "grad_norm",
        "loss_scale",
        "iter_time_s",
        "data_time_s",
        "memory_mib",
        "eta_s",
    }
)
"""Metrics that describe the training and never its quality."""

FACTS: dict[str, tuple[str, ...]] = {
    "launch": ("reason",),
    "config": (
        "name",  # experiment name
        "framework",  # e.g. "mmengine 0.10.4"
        "planned_epochs",
        "planned_steps",
        "steps_per_epoch",
        "steps_per_epoch_exact",  # False while it is only a lower bound
        "step_unit",  # "iteration", or "epoch" where the log counts nothing else, or "line"
        "val_interval",
        "val_unit",  # "epoch" or "step"
        "checkpoint_interval",
        "checkpoint_unit",
        "log_interval",
        "smoothing",  # iterations that a printed training value averages
        "schedule",  # copilot_analytics.schedule.Schedule
        "optimizer",  # e.g. "AdamW(lr=0.0001)"
        "base_lr",
        "save_best",  # metric that chooses the best checkpoint, as the log names it
        "save_best_direction",
        "num_classes",
        "gpus",
        "gpu_name",
        "seed",
        "work_dir",
        "fold",  # number of the fold of a cross-validation that the run is
        "folds",  # how many there will be
        "time_is_utc",
        "eval_samples",  # examples that every evaluation is of; 0 if they differ in size
    ),
    "resume": ("epoch", "step", "checkpoint"),
    "eval": ("split",),
    "checkpoint": ("path", "best_metric", "best_metric_name", "epoch", "step", "replaces"),
    "gpu": (
        "uuid",
        "index",
        "name",
        "mig",  # True for a device that is split, and for its instances
        "parent",  # UUID of the device that an instance belongs to
        "pid",  # the process of the training whose memory is told
        "lost",  # True once the device fell off the bus
        "telemetry_lost",  # True once the driver stopped answering
    ),
    "tick": (
        "silence_s",
        "final",
        "verdict",  # what a live watch made of the silence, and why
        "reason",
        "process",  # state of the process: alive, stopped, unknown, ...
        "gpu_utilization_pct",
    ),
    "crash": ("error", "message", "out_of_memory", "signal"),
    "end": ("reason", "stopped_early"),  # whether by the patience of the trainer
}
"""Names in `Record.facts`, by kind of record."""

_UP = """
    mAP AP AP50 AP75 AP.5 AR NDS PCK mIoU mAcc aAcc pixAcc IoU mDice Dice Acc accuracy acc top1 top5
    test_acc1 test_acc5 top1_acc top5_acc mean_class_accuracy precision recall F1 fscore f1-score
    FB1 mFscore mPrecision mRecall AUC bleu PSNR SSIM SI-SDR SDR Spearman Pearson corr R2 hmean
    ep_rew_mean reward return average_return AverageReturns AverageEpRet AverageTestEpRet TotalF1
    success_rate ndcg MRR hits map50 map50-95 mean_token_accuracy AUROC kappa MCC fitness word_acc
    char_recall char_precision N.E.D MOTA IDF1 HOTA PQ SQ RQ MeanIU mean_iu MeanIoU EM exact_match
    CIDEr METEOR SPICE chrF jaccard specificity sensitivity PESQ STOI SI-SNR SI-SNRi SNR PRAUC AUPRC
    NMI ARI R² QWK OA AA mF1 DSC winrate win_rate SPL UAS LAS TPR TNR success 准确率 正确率 精度
    精确率 召回率 奖励 prec SpearmanR PearsonR spearman_rho NSD gmean BERTScore chrF++ COMET
    sacreBLEU elo cindex lDDT plDDT TM ESTOI SISNR SI-SDRi SDRi hit_ratio hit_rate hit
    GAUC kendall kendalltau MOS mINP CIDEr-D ANLS accu
""".split()
_DOWN = """
    loss NME ppl perplexity WER CER top1_err top5_err error err class_error FID KID LPIPS MSE RMSE
    MAE MAPE NIQE rse rae logloss MultiClass CrossEntropy rmsle EER bpb bits_per_byte l1 l2 huber
    cost nll EPE SAD ECE AbsRel SqRel SILog MPJPE P-MPJPE mATE mASE mAOE mAVE mAAE PA-MPJPE sMAPE
    CRPS ADE FDE minADE minFDE minDCF HD95 ASSD FVD BPC bits_per_dim bits/dim FPR FNR FAR FRR CE BCE
    损失 误差 困惑度 퍼플렉서티 パープレキシティ перплексия HD ASD NRMSE WAPE RMSD hamming
    pinball tDCF min_tDCF chamfer MCD ce-mean-words cross-entropy
""".split()
_NEITHER = """
    time data_time memory fps wps lr epoch iter step samples num_examples grad_norm loss_scale
    entropy approx_kl explained_variance cardinality_error code_perplexity seg_size
""".split()
_NEGATED = re.compile(r"(^|[^a-z])(gap|drop|diff|delta|regret|inverse|num|n)($|[^a-z])")
_WRAPPING = re.compile(
    r"^[\w.-]{1,60}'s\s|^(val|eval|test|valid|validation|metrics)[_/.]|\(b\)$|\(m\)$"
)
_JOINED_SPLIT = re.compile(r"^(?:[Tt]rain|[Vv]al(?:id)?|[Tt]est|[Ee]val|[Dd]ev)(?=[A-Z])")
_JOINED_WORDS = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z])")
_UP_PART = re.compile(
    r"(^|[^a-z])(m?ap|ap\d*|m?iou|dice|acc(uracy)?|auc|auroc|f1|fscore|precision|recall|bleu|rouge"
    r"|rewards?|returns?|rew|scores?|psnr|ssim|top[-@]?\d|ndcg|mrr|gauc|pck|hmean|m?acc|prec\d*|rouge\w|hits?|success|fitness"
    r"|n?sdri?|si-?s[dn]ri?|mean_?io?u|win_?rate|jaccard)($|[^a-z])|accurac(y|ies)|kitti/.*_(3d|bev|2d)_(easy|moderate|hard)|precision|recall|map_?\d"
    r"|(^|[^a-z])(r|rank-?)@?\d{1,3}($|[^\w.])|(^|[^a-z])(hits?(_?(ratio|rate))?|hr|prec|acc)_?@?\d"
    r"|准确率|正确率|精度|精确率|召回率|acur[aá]cia|precis[aã]o|exactitud|accuratezza|genauigkeit|точност|정확도|正解率"
)
_DOWN_PART = re.compile(
    r"error|brier|(^|[^a-z])(err|cost|ppl|mae|mse|rmse|s?mape|wer|cer|nme|fid)($|[^a-z])|perplex|误差"
)
_LOSS = re.compile(
    r"loss|损失|損失|손실|потер|verlust($|[^a-z])|(^|[^a-z])(perda|p[eé]rdida|perdita|perte)($|[^a-z])"
)
_OTHER_LOSS = re.compile(r"(?:stop|packet|weight|hair|heat|job)[ _-]?loss|loss[ _-]?scale|lossless")
_TOTAL_LOSS = re.compile(
    r"(?:[\w.-]{1,40}/){0,3}(?:train(?:ing)?[ _/.-]{0,2})?"
    r"(?:(?:total|average|avg|mean)[ _/.-]?)?loss(?:[ _/.-]?(?:total|train|step|epoch))?",
    re.IGNORECASE,
)

# What image restoration (l_pix) and image translation (D_A, G_GAN, cycle_A, idt_B) call losses.
# Regressions and likelihoods go by the name of what they minimise.
_UNNAMED_LOSS = re.compile(
    r"l_\w{1,40}|[DG]_\w{1,40}|(?:cycle|idt)_[AB]|rec_\w{1,40}|recons?(?:truction)?(?:_\w{1,40})?"
    r"|hinge|triplet|ctc|rnnt|focal|bpr|(?:avg|current)?cost|(?:char|BCER) train|rmse_trn"
    r"|(?:train(?:ing)?(?:'s)?[ _/.-]{0,2})?"
    r"(?:[\w/]{1,40}(?:'s |-))?"
    r"(?:\w{0,40}cross[ _-]?entropy|b?ce|xent|nll|r?mse|mae|(?:smooth[ _-]?)?l[12]|epe"
    r"|m?err(?:or)?|ppl|perplexity)",
    re.IGNORECASE,
)

# What people call the parts of a loss, or the only one, without the word.
_PRIVATE_LOSS = re.compile(
    r"(?:[Tt]rain(?:ing)?[ _/.-])?(?:[lL]_\w{1,40}|[DG]_\w{1,40}|[dg]_(?:real|fake|adv|gan|total)"
    r"|(?:\w{1,20}[ _/])?(?i:b?ce|xent|nll|kld?|kl[ _]?div|elbo|rec|recons?|reconstruction|vq"
    r"|commit(?:ment)?|adv|hinge|triplet|contrastive|infonce|nt_?xent|ctc|rnnt|focal|dfl|bpr|huber"
    r"|smooth_?l1|percep(?:tual)?|distill|kd|cyc(?:le)?|idt)(?:_\w{1,12})?)"
)


def _key(name: str) -> str:
    return re.sub(r"[\s_\-./]", "", name).lower()


_TABLE: dict[str, Direction | None] = {
    **{_key(name): "max" for name in _UP},
    **{_key(name): "min" for name in _DOWN},
    **{_key(name): None for name in _NEITHER},
}


def is_another_loss(name: str) -> bool:
    """Tell whether a name speaks of a loss that no training has: of packets, of an order.

    Examples
    --------
    >>> is_another_loss("stop_loss"), is_another_loss("total loss")
    (True, False)
    """
    return _OTHER_LOSS.search(name.lower()) is not None


def names_a_loss(name: str) -> bool:
    """Tell whether a metric is called a loss, in one of the languages that logs are written in.

    Examples
    --------
    >>> names_a_loss("val_loss"), names_a_loss("训练损失"), names_a_loss("stop_loss")
    (True, True, False)
    """
    return _LOSS.search(name.lower()) is not None and not is_another_loss(name)


def names_a_private_loss(name: str) -> bool:
    """Tell whether people may call a part of a loss so, or the only one.

    Which way it goes is not told: a divergence rises as a posterior is learned.

    Examples
    --------
    >>> [names_a_private_loss(name) for name in ("l_rec", "kld", "D_real", "nll", "temp")]
    [True, True, True, True, False]
    """
    return _PRIVATE_LOSS.fullmatch(name.strip()) is not None


def direction_of(name: str) -> tuple[Direction | None, str]:
    """Tell whether a metric of this name is better when it is lower or higher.

    Parameters
    ----------
    name
        Metric as the log names it.

    Returns
    -------
    direction : {"min", "max", None}
        None if the name does not tell, or names no quality.
    reason : str
        Where the answer comes from.

    Examples
    --------
    >>> direction_of("coco/AP"), direction_of("coco/bbox_mAP")
    (('max', 'a known metric'), ('max', 'its name'))
    >>> direction_of("valAcc")[0], direction_of("TotalReward")[0], direction_of("accuracy_gap")[0]
    ('max', 'max', None)
    >>> direction_of("val/loss_ce")[0], direction_of("data_time")[0], direction_of("foo")[0]
    ('min', None, None)
    """
    name = _JOINED_SPLIT.sub("", name)
    if _NEGATED.search(name.lower()) or is_another_loss(name):
        return None, "its name does not tell"
    candidates = [name, *re.split(r"[/.]", name)[-1:]]
    stripped = _WRAPPING.sub("", candidates[-1].strip().lower())
    tail = re.split(r"[_\s]", stripped)[-1]
    for candidate in (*candidates, stripped):
        if _key(candidate) in _TABLE:
            return _TABLE[_key(candidate)], "a known metric"
    lower = name.strip().lower()
    for candidate in (tail, tail.removesuffix("s")):  # lists are called ``val_accs``
        if _TABLE.get(_key(candidate)) is not None:
            return _TABLE[_key(candidate)], "its name"
    if names_a_loss(name) or _DOWN_PART.search(lower):
        return "min", "its name"
    if _UP_PART.search(lower):
        return "max", "its name"
    apart = _JOINED_WORDS.sub("_", name)  # "TotalReward"
    return (None, "its name does not tell") if apart == name else direction_of(apart)


@lru_cache(maxsize=256)  # asked by several analyzers at every row
def losses_among(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the names of training metrics that are losses, the total first.

    Examples
    --------
    >>> losses_among(("fit/aux_loss", "fit/loss", "lr", "total_loss"))
    ('total_loss', 'fit/loss', 'fit/aux_loss')
    >>> losses_among(("lr", "D_A", "cycle_A"))
    ('D_A', 'cycle_A')
    >>> losses_among(("recon", "kld", "total"))
    ('total', 'recon')
    >>> losses_among(("Train-Acc", "Train-SmoothL1"))
    ('Train-SmoothL1',)
    """
    found = [n for n in names if names_a_loss(n)]
    if not found:
        found = [n for n in names if _UNNAMED_LOSS.fullmatch(n)]
        found += [n for n in names if found and n.lower() == "total"]
    return tuple(sorted(found, key=_comes_late))


def _comes_late(loss: str) -> tuple[bool, bool, bool]:
    """Tell in what a loss is behind the total; columns in the order of the alphabet begin late."""
    return loss != "loss", not _TOTAL_LOSS.fullmatch(loss), "total" not in loss.lower()
