"""Returns of episodes, by the names that trainers of agents print: they are how good the agent is.

No split is named, because an agent is judged by the episodes that it plays while it learns.
"""

from __future__ import annotations

import re

OF_BASELINES = re.compile(
    r"^(?:rollout/)?(?:ep_?(?:rew|ret)|return|success)|^EpRew|^mean 100 episode reward"
    r"|^episode_reward|^Average(?:Test)?EpRet$"
)
"""As OpenAI Baselines, its successors and Spinning Up call them."""

IN_WORDS = re.compile(
    r"(?i)^(?:(?:avg|average|mean|total|last|test|train|running|moving|smoothed|episode|episodic"
    r"|ep|cumm?ull?ative|eval|evaluation|accumulated|rolling|undiscounted|\d{1,4})[\s_./-]{0,3}){0,4}"
    r"(?:rewards?|returns?|scores?|rew|ret|(?:win|success)[\s_-]?rate)"
    r"(?:[\s_.-]{0,3}(?:mean|avg|average|sum|total))?$"
)
"""As scripts call them."""

_OF_TRAINING = re.compile(
    r"(?i)^train(?:ing)?[\s_./-]{0,3}(?:(?:ep|episode|episodic|mean|avg|average|total)[\s_./-]{0,3})?"
    r"(?:rewards?|returns?|rew|ret)(?:[\s_.-]{0,3}(?:mean|avg|average|sum|total))?$"
)


def is_earned_in_training(name: str) -> bool:
    """Tell whether a metric that names the training is the return of episodes played in it.

    Examples
    --------
    >>> is_earned_in_training("train/return"), is_earned_in_training("train_loss")
    (True, False)
    """
    return _OF_TRAINING.search(name) is not None
