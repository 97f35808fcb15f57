"""Planned epochs and steps where a home-made log states them in words, settings or tables."""

from __future__ import annotations

import re

LONGEST = 20_000  # a dump of all settings on one line may be long

_SETTING = re.compile(
    r"""(?xi)
    (?<![\w.-]) (?<!local\ ) (?<!inner\ )
    (?:cfg\.|config\.|args\.|trainer\.|training\.|train\.|solver\.|optim\.){0,3}
    ['"]?(?:
        (?P<epochs> (?:num|n|nb|max|total|number\ of|total\ number\ of|no\.?\ of)
            [_\s-]?(?:train(?:ing)?[_\s-])?epoch(?:e?s)?
            | train(?:ing)?[_\s-]?epoche?s | num_?epoch(?:e?s)? | nepoch(?:e?s)? | epoche?s)
      | (?P<steps> (?:num|n|nb|max|total|train|training|number\ of|total\ number\ of)
            [_\s-]?(?:(?:train(?:ing)?|optimi[sz]ation|optimi[sz]er|update)[_\s-])?(?:steps?|iters?|iterations?|updates?)
            | niters? | max_iter )
    )['"]?
    (?:\s{0,20}[:=|]\s{0,20}|\s{2,40}|\s) ['"]?
    (?P<number>\d{1,3}(?:,\d{3})+|\d{1,9})(?!\w|\.[\w.]|\s?/|-)
    """
)
# "(epoch 3, total_steps 960)" tells where training stands.
_STANDING = re.compile(r"(?i)\bepoch\W{0,3}\d{1,7},?\s{0,3}total[_ ]steps?\W{0,3}\d")
_ROUNDS = re.compile(
    r"""(?xi)
    (?<![\w.-]) (?:cfg\.|config\.|args\.)? ['"]?(?:
        (?:num|n|nb|max|total|number\ of|total\ number\ of|no\.?\ of)[_\s-]?
            (?:(?:train(?:ing)?|comm(?:unication)?|global)[_\s-])?(?:episodes?|rounds?)
      | (?:train(?:ing)?|comm(?:unication)?|global)[_\s-]?(?:episodes|rounds?)
      | (?<![a-z]\s)(?:episodes|rounds) )['"]?
    (?:\s{0,20}[:=|]\s{0,20}|\s{2,40}) ['"]?
    (?P<number>\d{1,3}(?:,\d{3})+|\d{1,9})(?!\w|\.[\w.]|\s?/|-)
    """
)
_FOR_ROUNDS = re.compile(
    r"(?i)\btrain(?:ing)?\b[^\d\n]{0,40}?\bfor\s{1,3}(?P<number>\d{1,9})\s{1,3}(?:episode|round)s?\b"
)
# An engine of ignite that evaluates says that it runs for one epoch, each time.
_ONE_PASS = re.compile(r"Engine run starting with max_epochs=1\b")
_SENTENCE = re.compile(
    r"(?i)\btrain(?:ing)?\b(?:[^\d\n]|(?<=[\w-])\d){0,40}?\bfor\s{1,3}(?P<number>\d{1,9})\s{1,3}"
    r"(?:meta\s)?(?P<unit>epoch|step|iteration|update)"
)
# "Starting training: 60 epochs", which no other words make a part of the training or a rhythm.
_COUNTED = re.compile(
    r"""(?xi)
    (?:^|[^\w\s]\s{0,4}|\b(?:INFO|DEBUG|WARNING)\s{1,4})
    (?:(?:start(?:ing|ed)?|begin(?:ning)?|running|will|now)\s{1,3}(?:to\s|the\s|model\s){0,2})?
    train(?:ing)?\b
    (?:(?!\b(?:every|each|per|warm\w{0,4}|after|interval|patience|last|from|until|over|took|for|in|at
        |complete\w?|completed|finished|done|left|remaining|resum\w{0,4}|more|valid\w{0,6}|eval\w{0,6}
        |epoch|step|loss|log\w{0,4}|sav\w{0,3}|set|data\w{0,6})\b)
        [^\d\n]){0,30}?
    (?<=[\s(:=])(?P<number>\d{1,3}(?:,\d{3})+|\d{1,9})\s{1,2}(?:train(?:ing)?\s)?
    (?P<unit>epoch|step|iteration|update)s\b
    (?!\s?/|\s{1,2}(?:per|each|an?|remaining|left|done|ago|of)\b)
    """
)
# Of all options of argparse, ``epoch`` is how many; elsewhere it is where training stands.
_OPTION = re.compile(r"(?<=Namespace\()(?:[^\n]{0,20000}?[\s,])??epoch=(?P<number>\d{1,9})(?=[,)])")
_HEADING = re.compile(
    r"(?i)\bstart(?:ing)? train(?:ing)?\b[\s.,:]{1,8}(?P<unit>epoch|step|iter)(?:ation)?s?: "
    r"(?P<number>\d{1,9})(?![\w.])"
)


def stated_plan(line: str) -> dict[str, int]:
    """Return what a line states of the plan, as facts of the schema.

    Examples
    --------
    >>> stated_plan("Namespace(lr=0.1, warmup_epochs=5, epochs=90, start_epoch=0)")
    {'planned_epochs': 90}
    >>> stated_plan("Namespace(model='VAE', epoch=200, early_stop=9)")
    {'planned_epochs': 200}
    >>> stated_plan("Start training, Total Iterations 20000")
    {'planned_steps': 20000}
    >>> stated_plan("trainer INFO: Engine run starting with max_epochs=8.")
    {'planned_epochs': 8}
    >>> stated_plan("evaluator INFO: Engine run starting with max_epochs=1.")
    {}
    >>> stated_plan("progress at (epoch 3, total_steps 960)")
    {}
    >>> stated_plan("Starting training for 5 epoch(s)")
    {'planned_epochs': 5}
    >>> stated_plan("Starting training: 60 epochs, batch size 32")
    {'planned_epochs': 60}
    >>> stated_plan("Training validates every 5 epochs"), stated_plan("Training took 5 epochs")
    ({}, {})
    >>> stated_plan("Starting training..., iters: 600")
    {'planned_steps': 600}
    """
    plan: dict[str, int] = {}
    line = line[:LONGEST]
    lower = line.lower()
    if not any(word in lower for word in ("epoch", "step", "iter", "update")):
        return plan
    if _ONE_PASS.search(line) or _STANDING.search(line):
        return plan
    for found in _SETTING.finditer(line):
        number = int(found["number"].replace(",", ""))
        name = "planned_epochs" if found["epochs"] else "planned_steps"
        if number:
            plan.setdefault(name, number)
    option = _OPTION.search(line) if "Namespace(" in line else None
    if option is not None and int(option["number"]):
        plan.setdefault("planned_epochs", int(option["number"]))
    said = _SENTENCE.search(line) or _HEADING.search(line) or _COUNTED.search(line)
    number = int(said["number"].replace(",", "")) if said else 0
    if said is not None and number:
        unit = "planned_epochs" if said["unit"].lower() == "epoch" else "planned_steps"
        plan.setdefault(unit, number)
    return plan


def stated_rounds(line: str) -> int | None:
    """Return how many episodes or rounds a line plans; None if it does not say.

    They count the training only where rows name them: some logs count other things too.

    Examples
    --------
    >>> stated_rounds("Total Episodes: 2500"), stated_rounds("Namespace(lr=0.1, comm_round=50)")
    (2500, 50)
    >>> stated_rounds("Training the agent for 300 episodes"), stated_rounds("Episode: 3")
    (300, None)
    >>> stated_rounds("early stopping rounds: 20"), stated_rounds("eval_episodes: 20")
    (None, None)
    """
    line = line[:LONGEST]
    lower = line.lower()
    if "episode" not in lower and "round" not in lower:
        return None
    found = _ROUNDS.search(line) or _FOR_ROUNDS.search(line)
    number = int(found["number"].replace(",", "")) if found else 0
    return number or None
