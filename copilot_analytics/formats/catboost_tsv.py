"""``learn_error.tsv`` and ``test_error.tsv``, which CatBoost writes to ``catboost_info``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from copilot_analytics.formats._axis import Axis
from copilot_analytics.formats._base import Sample
from copilot_analytics.formats._rows import Naming, RowReader
from copilot_analytics.formats._table import TableFormat, TableParser
from copilot_analytics.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

_METRIC = re.compile(
    r"(?:Logloss|CrossEntropy|MultiClass(?:OneVsAll)?|RMSE|RMSEWithUncertainty|MAE|MAPE|MSLE"
    r"|MedianAbsoluteError|SMAPE|R2|Quantile|MultiQuantile|LogLinQuantile|Lq|Poisson|Tweedie|Huber|Expectile|FairLoss"
    r"|NumErrors|MultiRMSE\w*|Precision|Recall|F|F1|TotalF1|BalancedAccuracy|BalancedErrorRate"
    r"|BrierScore|Kappa|WKappa|MCC|Accuracy|CtrFactor|AUC|QueryAUC|PRAUC|NormalizedGini"
    r"|HammingLoss|HingeLoss|ZeroOneLoss|LogLikelihoodOfPrediction|PairLogit(?:Pairwise)?"
    r"|PairAccuracy|YetiRank(?:Pairwise)?|QueryRMSE|QuerySoftMax|QueryCrossEntropy|PFound|NDCG"
    r"|DCG|FilteredDCG|AverageGain|PrecisionAt|RecallAt|MAP|ERR|MRR|Cox"
    r"|StochasticRank|StochasticFilter|SurvivalAft|Focal|UserPerObjMetric|UserQuerywiseMetric)(?::.{1,80})?"
)
_LEARNED = re.compile(r"learn[_-]error[^/\\]{0,80}$")


class CatBoostTsv(TableFormat):
    """One row a tree; the first metric is the one that the best tree is chosen by."""

    name: ClassVar[str] = "catboost_tsv"
    title: ClassVar[str] = "CatBoost error table"
    url: ClassVar[str] = "https://catboost.ai/docs/en/concepts/output-data_loss-function"
    smoothing: ClassVar[int | None] = 1
    naming: ClassVar[Naming] = Naming({"iter": "#step"}, evaluations=re.compile(""))

    def axis(self) -> Axis:
        """Return an axis of trees."""
        return Axis("tree")

    def is_header(self, names: Sequence[str]) -> bool:
        """Tell whether there is an iteration and metrics that CatBoost knows."""
        return names[0] == "iter" and all(map(_METRIC.fullmatch, names[1:]))

    def parser(self, file: str) -> TableParser:
        """Return a fresh parser for a log."""
        form = LearnError() if _LEARNED.search(file) else self
        return TableParser(RowReader(file, self.axis(), form.naming), form.heading)

    samples: ClassVar[tuple[Sample, ...]] = (
        Sample(
            "iter\tLogloss\tAUC\n0\t0.625\t0.75\n1\t0.5\t0.875\n",
            (
                Record("config", facts={"step_unit": "tree"}, line=2),
                Record("eval", 0, metrics={"Logloss": 0.625, "AUC": 0.75}, line=2),
                Record("eval", 1, metrics={"Logloss": 0.5, "AUC": 0.875}, line=3),
            ),
        ),
    )


class LearnError(CatBoostTsv):
    """The metrics on what the trees were fitted to."""

    naming: ClassVar[Naming] = Naming({"iter": "#step"})


FORMAT = CatBoostTsv()
