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
    r"|ep|cumulative|eval|evaluation|accumulated|rolling|undiscounted|\d{1,4})[\s_.-]{0,3}){0,4}"
    r"(?:rewards?|returns?|scores?|rew|ret)(?:[\s_.-]{0,3}(?:mean|avg|average|sum|total))?$"
)
"""As scripts call them."""
