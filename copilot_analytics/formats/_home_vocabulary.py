"""The words by which people name what their scripts print (`home_text`)."""

from __future__ import annotations

import re
from functools import lru_cache

from copilot_analytics.formats._splits import Split, split_of
from copilot_analytics.schema import is_another_loss

CHINESE = "\u4e00-\u9fff"

# Epoch in Romance, Germanic and Slavic languages, Korean and Japanese too.
EPOCHS = frozenset(
    """epoch epo ep epch epoches epoca época epoche époque epoha epocha epoka epok эпоха 轮 轮次
    에폭 에포크 エポック""".split()
)
STEPS = frozenset(
    """step steps iter iters iteration iterations it itr update updates num_updates up tick kimg
    episode episodes round rounds generation generations timestep timesteps total_timesteps
    frame frames 步 迭代 步数
    iteración iteracion iteração iteracao itération paso passo schritt episodio episódio шаг 스텝
    ステップ""".split()
)
PLAYED = frozenset({"episode", "episodes", "episodio", "episódio", "round", "rounds"})
GLOBAL_STEPS = frozenset(
    """global_step globalstep gstep num_updates total_timestep total_timesteps total_num_steps
    """.split()
)
BATCHES = frozenset({"batch", "minibatch", "mini-batch", "batch_idx", "batches", "批次"})
SAMPLES = frozenset({"sample", "image", "img", "idx", "样本"})

METRICS = frozenset(
    """loss losses acc accuracy ppl perplexity bleu f1 fb1 fscore iou miou map ap ar auc auroc
    reward
    rewards return returns score error err mse mae rmse mape smape psnr ssim wer cer dice precision
    recall prec nll bpb bpc bpd elbo kl kld cost rouge mrr ndcg hits pixacc macc aacc
    mdice iu miu jaccard specificity sensitivity prauc auprc pesq stoi ade fde crps mase em accu
    qwk nmi ari dsc fid lpips nme epe corr r2 logloss ce bce mcc kappa sdr snr eer cider meteor perp
    objective rmsle msle nrmse nmse wape smse pearson spearman srcc plcc kendall ccc gini brier rel
    损失 准确率 精度 正确率 召回率 误差 奖励 困惑度 xent entropy crossentropy
    퍼플렉서티 パープレキシティ перплексия лосс
    perda pérdida perdida perdita perte verlust потери 손실 損失 acurácia acuracia precisão
    precisión precision exactitud accuratezza genauigkeit точность 정확도 recompensa récompense
    belohnung 보상
    """.split()
)
_LOSSES = frozenset(
    """损失 total xent crossentropy perda pérdida perdida perdita perte verlust потери 손실
    損失""".split()
)
_COMMON = frozenset("error err score cost return returns map ar ap objective ce rank".split())
_QUANTITIES = frozenset(
    """time times speed throughput wps tps tok toks tokens token samples images imgs eta elapsed
    remaining remain memory mem gpu cuda gb mb size batch seed pid port fps sec secs second seconds
    ms min minute minutes hour hours patience version params parameters parameter wd decay momentum
    dropout count num number dt mfu scale id len length total used free max_mem duration epochs
    threshold thr weight weights coef coeff type gamma lambda power freq target smoothing ratio
    limit factor data class classes worker workers estimated range 耗时 时间 剩余 用时 秒""".split()
)
_BEST = frozenset({"best", "lowest", "highest", "min_val", "最佳", "最好", "最优", "历史"})
_PARTS = re.compile(rf"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[{CHINESE}]+")
_OF_LATEX = re.compile(r"L(?:_\w{1,30})?")  # L, L_total, L_crf: losses as in a paper
_OF_LOSS = re.compile(r"loss|verlust$")
_A_RATE = re.compile(r"(?i)(?:^|.*[\s_])(?:lr|learning[\s_]?rate|lernrate)$")
_RANKED = re.compile(r"(?i)(?<![a-z])(?:(?:rank|top|acc|prec|hits?)[-@_]?|r@)\d")
_CHINESE_METRIC = re.compile(
    r"[损損]失|准确率|準確率|精度|正确率|正解率|召回率|误差|誤差|奖励|報酬|困惑度"
)
_JOINED_SPLIT = re.compile(
    r"^(?:(?P<train>train|training)|(?P<val>valid|validation|val|eval|dev)|(?P<test>test))"
    r"(?=[A-Z]|(?:loss|acc|ppl|err)\w*$)"
)
_RATE = re.compile(r"(?i)[a-z]{1,12}/(?:s|sec|second|b|it|iter|step|batch)")
_LEARNING_RATE = frozenset({"lr", "learning rate", "learning_rate", "学习率", "learningrate"})
_WHICH_RATE = re.compile(r"(?:current|cur|curr|new|now)[\s_](?:lr|learning[\s_]rate)")
_TOTALS = frozenset({"loss", "total loss", "total_loss", "total"})
_LOSS_SCALE = frozenset(
    {"loss_scale", "loss scale", "grad_scale", "grad scale", "loss-scale", "amp_scale", "amp scale"}
)
_GRADIENT = frozenset({"grad_norm", "grad norm", "gnorm", "gradnorm", "gradient norm", "grdn"})
OF_THE_BEST = re.compile(r"(?i)(?<![a-z])best(?![a-z])|最佳|最好|最优")
"""What a line says that names the measure by which checkpoints are kept."""

REMARK = re.compile(
    r"(?i)(?<![a-z])(?:best|sav(?:ed?|ing)|stor(?:ed|ing)|early[ -]?stop|improv|checkpoint"
    r"|load(?:ed|ing)?|resum(?:e[ds]?|ing)|restor(?:ed|ing)|patience|lowest|highest|corresponding"
    r"|(?:de|in)creased|reduc(?:ed|ing)"
    r"|warning|exception|per[- ]class|class[ \[]{1,2}\d|debug\b(?!\s*[:\]-])|solved)"
    r"|^\W*EMA\b|^\W*final\b"
    r"|保存|最佳|最好|最优"
    r"|加载|早停|`"
)
"""What begins a line that repeats a value or tells a story, rather than a result."""


@lru_cache(maxsize=4096)
def parts_of(label: str) -> frozenset[str]:
    """Return the words of a label in lower case, those of ``valLoss`` and ``loss_cls`` too."""
    words = {part.lower() for part in _PARTS.findall(label)}
    words |= {word for word in re.split(r"[\s/@.:_-]+", label.lower()) if word}
    if _CHINESE_METRIC.search(label):
        words.add("loss" if re.search("[损損]失", label) else "acc")
    return frozenset(words)


@lru_cache(maxsize=4096)
def split_in(text: str) -> Split | None:
    """Return the part of the data that words speak of; names may be joined to it.

    Examples
    --------
    >>> split_in("Average Eval loss"), split_in("验证损失"), split_in("trainLoss"), split_in("loss")
    ('val', 'val', 'train', None)
    """
    found = split_of(text)
    if found is not None:
        return found
    joined = _JOINED_SPLIT.match(text.strip())
    if joined is None:
        return None
    return "train" if joined["train"] else "val" if joined["val"] else "test"


@lru_cache(maxsize=4096)
def is_quality(label: str) -> bool:
    """Tell whether a label names a loss or a measure of quality."""
    if is_loss(label):
        return True
    if is_another_loss(label):
        return False
    known = bool(parts_of(label) & METRICS) or _RANKED.search(label) is not None
    return known and not is_quantity(label)


@lru_cache(maxsize=4096)
def is_decisive(label: str) -> bool:
    """Tell whether a label names what only a training measures: servers count errors as well."""
    measured = parts_of(label) & (METRICS - _COMMON)
    return is_quality(label) and (bool(measured) or split_in(label) is not None)


@lru_cache(maxsize=4096)
def is_loss(label: str) -> bool:
    """Tell whether a label names a loss."""
    if label.lower() == "total" or _OF_LATEX.fullmatch(label):
        return True
    parts = parts_of(label)
    named = bool(parts & _LOSSES - {"total"}) or any(map(_OF_LOSS.search, parts))
    named = named and not is_another_loss(label)
    return (named or {"cross", "entropy"} <= parts) and not is_quantity(label)


@lru_cache(maxsize=4096)
def is_quantity(label: str) -> bool:
    """Tell whether a label names a time, an amount, a setting or a record so far."""
    parts = parts_of(label)
    if parts & _BEST or re.search(r"[_\s]m?s$|\.(?:py|cc|cpp|java|go)$", label):
        return True
    if _RATE.fullmatch(label.strip()) and not parts & METRICS:
        return True
    found = parts & _QUANTITIES
    if found <= {"total", "data", "num", "class", "classes", "batch", "token", "weight", "weights"}:
        # `total_loss`, `class_error` and `batch loss` are measures; `loss weight` is a setting.
        last = re.split(r"[\s_/.-]+", label.strip().lower())[-1]
        is_last = last in found and not (last == "total" and parts & METRICS)
        return bool(found) and (is_last or not parts & METRICS)
    return True


@lru_cache(maxsize=4096)
def canonical(label: str) -> str:
    """Return the name of the schema for a label, or the label itself.

    Examples
    --------
    >>> canonical("Learning rate"), canonical("Loss"), canonical("KD Loss")
    ('lr', 'loss', 'KD Loss')
    """
    plain = label.strip().lower()
    if plain in _LEARNING_RATE or _WHICH_RATE.fullmatch(plain):
        return "lr"
    if plain in _GRADIENT:
        return "grad_norm"
    if plain in _LOSS_SCALE:
        return "loss_scale"
    return "loss" if plain in _TOTALS else label


def is_bookkeeping(name: str) -> bool:
    """Tell whether a canonical name describes the training and not its quality."""
    return (
        name in {"lr", "grad_norm", "loss_scale", "iter_time_s", "data_time_s"}
        or name.startswith(("lr(", "grad("))
        or _A_RATE.fullmatch(name) is not None
    )


@lru_cache(maxsize=1024)
def base_of(name: str) -> str:
    """Return a name without the words that tell its split."""
    words = re.split(r"[\s_/.-]+", name.lower())
    return " ".join(word for word in words if split_in(word) is None)
