"""Which part of the data a metric was measured on, by its name: one rule for all formats."""

from __future__ import annotations

import re
from typing import Literal

Split = Literal["train", "val", "test"]

MEASURED_AFTER = re.compile(
    r"(?:^|[^a-z])(?:m?ap(?:50)?|map[_@\d:.-]*|m_?iou|fid|kid|bleu|rouge|[wc]er|ndcg|mrr|eer)"
    r"(?:$|[^a-z])|(?:(?:recall|hit|hits|hr|precision)|(?<![a-z])r)@\d",
    re.IGNORECASE,
)
"""Measures that nobody takes of the training set, so that their names need not tell the split."""

_SPLIT = re.compile(
    r"^(?:(?P<val_short>va|vl)(?=$|[\s_/.-]?(?:loss|acc|err|ppl|f1)))"
    r"|(?:^|[\s_/.\-@(:]|(?-i:(?<=[a-z])(?=[A-Z])))"
    r"(?:(?P<val>val|vali|vld|valid|validation|validate|dev|eval|evaluation"
    r"|(?:held|hold)[-_]?out)"
    r"|(?P<test>test|testing|te)|(?P<train>train|training|trn|tr))"
    r"(?:(?=$|[\s_/.\-@)\d:]|loss|acc)|(?-i:(?<=[a-z])(?=[A-Z])))",
    re.IGNORECASE,
)

_WORDS: tuple[tuple[str, Split], ...] = (
    ("训练", "train"),
    ("验证", "val"),
    ("评估", "val"),
    ("测试", "test"),
    *((word, "train") for word in ("학습", "훈련", "訓練", "обучени")),
    *((word, "val") for word in ("검증", "検証", "валидаци")),
    *((word, "test") for word in ("테스트", "テスト", "тест")),
)
_OF_LATIN = re.compile(
    r"(?i)(?<!\w)(?:(?P<train>treino|treinamento|entrenamiento|entra[iî]nement|addestramento)"
    r"|(?P<val>valida(?:ção|cao|ción|cion|zione)|validierung)|(?P<test>teste|prueba))(?!\w)"
    r"|(?<!\w)(?:(?P<trained>training)|(?P<validated>validierung)|(?P<tested>test))s?-?"
    r"(?=verlust|fehler|genauigkeit)"
)


def split_of(name: str) -> Split | None:
    """Return the part of the data that a name speaks of; None if it names none.

    Examples
    --------
    >>> split_of("val_loss"), split_of("train/box_loss"), split_of("validation acc")
    ('val', 'train', 'val')
    >>> split_of("loss"), split_of("value_loss"), split_of("Test Acc@1")
    (None, None, 'test')
    >>> split_of("valLoss"), split_of("lossTrain"), split_of("testacc"), split_of("VALUE_LOSS")
    ('val', 'train', 'test', None)
    >>> split_of("va_loss"), split_of("vl_acc"), split_of("trn_loss"), split_of("va_net")
    ('val', 'val', 'train', None)
    >>> split_of("验证损失"), split_of("perda de treino"), split_of("Validierungsverlust")
    ('val', 'train', 'val')
    """
    found = _SPLIT.search(name) or _OF_LATIN.search(name)
    if found is None:
        words = () if name.isascii() else _WORDS
        return next((split for word, split in words if word in name), None)
    told = found.lastgroup or ""
    return "val" if told.startswith("val") else "test" if told.startswith("test") else "train"
