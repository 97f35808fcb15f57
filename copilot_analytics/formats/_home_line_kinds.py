"""Lines of home-made logs that are told by a few words, before any number of them is looked at.

`home_text` meets every kind of text, so most lines must be dismissed fast.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from copilot_analytics.formats._home_bare_splits import may_tell_splits
from copilot_analytics.formats._home_vocabulary import (
    BATCHES,
    EPOCHS,
    GLOBAL_STEPS,
    METRICS,
    SAMPLES,
    STEPS,
)

_WORD = re.compile(r"[^\W\d_]+\d{0,2}|[^\x00-\x7f]+")
_INSIDE = tuple("loss entropy acc iou reward error score dice perplex prec recall return".split())
_FOREIGN = tuple(
    """损失 准确 精度 率 误差 奖励 困惑 퍼플렉서티 パープレ перплекс лосс 轮 步 迭代 批次 эпох
    에폭 에포크 エポック 손실 損失""".split()
)
_TELLING = METRICS | EPOCHS | STEPS | GLOBAL_STEPS | BATCHES | SAMPLES
_TELLING |= {"global", "batch", "num", "total", "l"}
_ADVERSARIES = frozenset({"g", "d"})  # two networks by their letters, whose losses a line tells
_RANKED = ("rank", "top", "hit", "r@")
SECTION = re.compile(
    r"(?i)^[^a-z]*(?:(?:start|starting|begin|running|run|doing|now|on|in|the|validation|validating|valid"
    r"|validate|val|dev|test|testing|eval|evaluation|evaluating|evaluate|results?|set|metrics"
    r"|phase|performance|scores?|errors?|report|mode|total|samples?|model|training|train)[^a-z]{1,20}){1,6}$"
)
_LENGTH = re.compile(r"\W{0,9}(?:1|one|an|each)\s{1,3}epoch\s{0,3}(?:[:=]|is)\s{0,3}\d")
"""``1 epoch = 2640 batches`` tells how long an epoch is, and heads none."""

_OF_A_TYPE = re.compile(r"\w: precision:\s{0,6}\d{1,3}\.\d\d%; recall:")
"""``PER: precision: 81.00%; recall: 70.00%; FB1: 75.10  90``: what conlleval tells of a type."""

SETTINGS = "Namespace("
"""What argparse prints around all options of a script."""

MEMBER = re.compile(r'\s*"[^"]{1,60}"\s{0,4}:\s')  # of a JSON object, which is no text
FINAL = re.compile(
    r"(?i)^[^a-z]*(?:(?:final|best|summary|overall)\b[^\d]{0,60}$"
    r"|(?:fold\W{0,3}\d{1,3}\s+(?:results?|scores?|best|summary)|cv|oof|cross[ -]validation)\b"
    r"[^\d]{0,40}$|(?:loo)?cv\W{1,3}(?:complete|completed|finished|done)\b)"
)
_TAGS = r"\W*(?:\[[\w .:/-]{1,24}\]\W{0,4}){0,3}"  # "[fold 3][model 5] "
_OUT_OF_PATIENCE = re.compile(
    rf"(?i){_TAGS}(?:early[ -]?stop|stopping since\b|stopp(?:ing|ed) (?:training )?early\b"
    r"|no improvement\b|patience\b|.{1,80}? (?:did not|didn't|has not|hasn't) improve)"
)
_END = re.compile(
    rf"(?i)^{_TAGS}"
    r"(?:early[ -]stopp(?:ing|ed)\b(?!.*(?:counter|patience|out of))"
    r"|early[ -]?stop(?=\W{0,4}(?:$|no\simprovement|triggered|activated|(?:at|after)\s))"
    r"|early[ -]?stop\W{1,4}ep(?:och)?\W?\d"
    r"|early[ -]stop\s(?:after|at|in|on)\s(?:(?:epoch|step|iter|iteration)\W{1,3})?\d"
    r"|earlystopp(?:ing|ed)(?:\W{1,3}(?:triggered|activated|stop|at\s(?:epoch|step|iter)))?[^a-z]{0,9}$"
    r"|(?:training\s)?stopp(?:ing|ed)\s(?:training\s)?early\b"
    r"|(?:early[ -]?stopping\W{1,3})?no improvement\b[^.;]{0,50}[.,;:]{0,3}"
    r"\s(?:(?:early[ -])?stopping|stopped|stop)\b"
    r"|(?:\w{1,30}\s){1,4}(?:did not|didn't|has not|hasn't)\simprov\w{1,3}\b"
    r"(?:[^.;]{0,50}[.,;:!]{0,3}\s(?:early[ -])?stopp(?:ing|ed)\b"
    r"|.{0,100}[.,;:]\s(?:early[ -])?stopp(?:ing|ed)\W*$)"
    r"|patience\s(?:limit\s)?(?:was\s)?(?:exceeded|reached|exhausted)(?:\W{0,4}$|\b[^\d]{1,40}\bstop)"
    r"|reached\b[^.;]{0,60}\b(?:stopping|cancell?ing|stop)\s(?:the\s)?training\b"
    r"|(?:(?:the|model|whole)\s){0,2}(?:training|train|optimi[sz]ation)(?:\s(?:pipeline|process|loop|run|job|is|was|has|have|been|all)){0,3}\s"
    r"(?:successfully\s)?(?:completed?|finished|done|ended|over)\b"
    r"|(?:finished|completed|done)\s(?:the\s)?(?:training|optimi[sz]ation)\b"
    r"|all\s(?:done|finished)(?:\s?[.!]{1,3})?\s*$"
    r"|final\s(?:test|results?|evaluation|metrics|accuracy|validation|model\ssaved|loss|scores?)\b"
    r"|total train(?:ing)? time\b|stopping since\b"
    r"|train(?:ing)?\s(?:finish|end)\s(?:time|date)\W{1,4}(?:[a-z]{3}|\d{1,4}[-/.:]\d\d?[-/.:]\d)"
    r"|(?:预|模型){0,2}训练(?:任务|过程|流程|阶段|已经?|全部|圆满|成功|顺利){0,3}(?:完成|结束|完毕)"
    r"|(?:treino|treinamento|entrenamiento|entrainement|entraînement|addestramento)\s(?:\w{1,12}\s){0,2}"
    r"(?:conclu[ií]d[oa]|completad[oa]|finalizad[oa]|terminad[oa]|terminé|completato)\b"
    r"|(?:conclu[ií]do|finalizado|terminado|terminé|fertig)\b[.!]{0,3}\s*(?:$|[A-Z])"
    r"|(?:[\w\uac00-\ud7a3]{1,20}\s){0,3}(?:학습|훈련)(?:이|을)?\s?(?:완료|종료)|学習(?:が)?(?:完了|終了)"
    r"|обучение (?:завершено|окончено)"
    r"|早停(?:触发|机制触发)|触发早停"
    r"|environment solved in \d|(?:environment |task |problem )?solved!"
    r"|(?:the\s)?experiment\s(?:is\s)?(?:completed?|finished|done)\b"
    r"|end of training\b(?:\W{0,3}(?:\||$)|,))"
)
OF_FOLD = re.compile(r"(?i)(?<![a-z])fold\W?\d")
OF_SAMPLE = re.compile(r"(?i)^\W*(?:image|img|sample|scene|case|subject|patient)[ _#-]?\d")
_OF_ENDS = tuple(
    "train stop solved done finish patience experiment optimi conclu termin final complet"
    " fertig 训练 早停 학습 훈련 学習 обуч".split()
)
_LEVEL = re.compile(r"(?:INFO|DEBUG|WARNING|root)(?::[\w.]{1,60}:|\W{1,5})")
_LOGGER = re.compile(r"^[\w.]{1,60}\s{1,4}[|-]\s{1,4}")


@lru_cache(maxsize=2048)  # asked of a line for its numbers, and again for what else it says
def may_measure(line: str) -> bool:
    """Tell whether a line may hold a measure or say where training stands.

    Examples
    --------
    >>> may_measure("epoch 3"), may_measure("val loss: 0.5"), may_measure("GET /index.html 200")
    (True, True, False)
    """
    if SETTINGS in line:
        return False  # "epoch=200, lr_rate=0.1" there is what was asked for
    lower = line.lower()
    if "epoch" in lower and _LENGTH.match(lower):
        return False
    if "%; recall:" in lower and _OF_A_TYPE.search(line):
        return False
    if any(part in lower for part in _INSIDE):
        return True
    words = set(_WORD.findall(lower))
    if not _TELLING.isdisjoint(words) or any(part in lower for part in _RANKED):
        return True
    if words >= _ADVERSARIES or may_tell_splits(line, words):
        return True
    return not line.isascii() and any(part in line for part in _FOREIGN)


def says_the_end(message: str) -> bool:
    """Tell whether a line says that the training is over.

    Examples
    --------
    >>> says_the_end("INFO - Training complete."), says_the_end("Early stopping counter: 3 of 9")
    (True, False)
    >>> says_the_end("[EARLY STOP] No improvement"), says_the_end("Early stop patience: 9")
    (True, False)
    """
    return may_say_the_end(message) and _END.match(said_in(message)) is not None


def may_say_the_end(line: str) -> bool:
    """Tell whether a word of a line is one of those that say that something is over."""
    lower = line.lower()
    return any(word in lower for word in _OF_ENDS)


def end_of(message: str) -> dict[str, Any]:
    """Return the facts of a line that says that the training is over.

    Examples
    --------
    >>> end_of("Early stopping at 9 "), end_of("Training complete")
    ({'reason': 'Early stopping at 9', 'stopped_early': True}, {'reason': 'Training complete'})
    """
    facts: dict[str, Any] = {"reason": message.strip(" \t|")}
    if _OUT_OF_PATIENCE.match(said_in(message)):
        facts["stopped_early"] = True
    return facts


def said_in(message: str) -> str:
    """Return what a message says after its level and the name of its logger.

    Examples
    --------
    >>> said_in("INFO:root:Evaluating on valid."), said_in("| INFO | trainer | Done")
    ('Evaluating on valid.', 'Done')
    >>> said_in("INFO:__main__:Evaluating"), said_in("INFO: Step: 3")
    ('Evaluating', 'Step: 3')
    """
    *level, said = _LEVEL.split(message)
    said = said.lstrip(" |-:>=*")
    return _LOGGER.sub("", said) if level else said
