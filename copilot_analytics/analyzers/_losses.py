"""Training losses that need not fall in a run that learns."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from copilot_analytics.analyzers._primary import is_a_return
from copilot_analytics.findings import NotJudged
from copilot_analytics.schema import names_a_private_loss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot_analytics.records import Floats
    from copilot_analytics.run import Run

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[a-z0-9]+")
_ADVERSARIAL = frozenset(
    "d g disc discriminator gen generator adv adversarial gan wgan real fake".split()
)
_PLAYER = re.compile(r"[DG]_\w{1,40}")  # D_A, G_GAN of image translation
_CONTRASTIVE = frozenset("contrastive contrast nce infonce ntxent simclr moco byol simsiam".split())
# Those of the second set mean reinforcement learning only in company: a distilled detector has a
# loss_kl, too.
_POLICY = frozenset("policy actor critic ppo reward rewards pg surrogate".split())
_BESIDE_A_POLICY = frozenset("kl entropy value vf".split())


def need_not_fall(names: Iterable[str], level: Floats) -> NotJudged | None:
    """Tell why the training loss of a run need not fall; None if it should.

    The losses of a game (GAN) and of reinforcement learning follow an opponent or the data that
    the policy gathers; a contrastive one rises with the queue or the batch; and of one that lies
    below zero no level says that it learns.

    Parameters
    ----------
    names
        Columns of the training records, and returns that were evaluated.
    level
        Averaged values of the loss that is judged.

    Examples
    --------
    >>> import numpy as np
    >>> need_not_fall(["loss", "loss_kl"], np.array([2.0, 1.0]))
    >>> print(need_not_fall(["lossG", "lossD"], np.array([2.0, 1.0])).why)
    losses of a game (lossG, lossD) need not fall; only NaN and the metric are judged
    """
    found = _by_name(tuple(names))
    if found is not None:
        return found
    if len(level) and float(level.min()) < 0:
        return NotJudged("training loss", f"losses below zero {_ONLY}")
    return None


def names_of_losses(run: Run) -> tuple[str, ...]:
    """Return the columns that tell what kind of loss a run has: the returns of an agent do, too."""
    returns = (name for name in run.eval_log.metric_names if is_a_return(name))
    return (*run.train_log.metric_names, *returns)


_ONLY = "need not fall; only NaN and the metric are judged"


@lru_cache(maxsize=256)
def _by_name(names: tuple[str, ...]) -> NotJudged | None:
    kinds: dict[str, list[str]] = {}
    company: set[str] = set()
    for name in names:
        words = set(_WORD.findall(_HUMP.sub("_", name).lower()))
        is_loss = "loss" in words or names_a_private_loss(name)
        if (is_loss and words & _ADVERSARIAL) or _PLAYER.fullmatch(name):
            kinds.setdefault("losses of a game", []).append(name)
        elif is_loss and words & _CONTRASTIVE:
            kinds.setdefault("contrastive losses", []).append(name)
        elif words & _POLICY or is_a_return(name):
            kinds.setdefault("losses of reinforcement learning", []).append(name)
        elif words & _BESIDE_A_POLICY:
            company |= words & _BESIDE_A_POLICY
    if kinds:
        kind, shown = next(iter(kinds.items()))
        return NotJudged("training loss", f"{kind} ({', '.join(shown[:3])}) {_ONLY}")
    if len(company) > 1:
        return NotJudged("training loss", f"losses of reinforcement learning {_ONLY}")
    return None
