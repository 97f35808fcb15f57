"""Columns that count the training rather than measure it, by the names that people give them.

For tables whose columns nobody declared: `home_table`, and `wandb_csv`, where users choose names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot_analytics.formats._splits import split_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from copilot_analytics.formats._rows import Name

_EPOCH = frozenset(
    "epoch epochs ep epochnum epochnumber epochidx epochid epochno epoche epoca epoque".split()
)
_EPISODES = frozenset("episode episodes episodenum numepisodes episodenumber".split())
# In the order of preference: environments before updates, updates before samples.
_STEPS: tuple[tuple[str, frozenset[str], float], ...] = (
    (
        "timestep",
        frozenset(
            "timestep timesteps totaltimesteps numtimesteps envstep envsteps totalenvsteps frame"
            " frames numframes totalframes totalenvinteracts agentsteps timestepstotal"
            " numenvstepssampled numenvstepstrained".split()
        ),
        1.0,
    ),
    (
        "iteration",
        frozenset(
            "step steps globalstep globalsteps trainstep trainsteps trainingstep trainingsteps"
            " totalstep totalsteps currentstep currentsteps stepnum gradstep gradientstep"
            " gradientsteps optstep optsteps microstep microsteps iter iters iteration"
            " iterations it itr niter niters iternum iteridx globaliter globaliteration"
            " trainiter trainingiteration update updates numupdates nupdates numupdate"
            " gradientupdates optimizerstep".split()
        ),
        1.0,
    ),
    ("iteration", frozenset("round rounds serverround commround communicationround".split()), 1.0),
    ("iteration", _EPISODES, 1.0),
    ("iteration", frozenset("generation gen generations".split()), 1.0),
    (
        "iteration",
        frozenset("batch batches batchidx batchid batchnum minibatch batchnumber idx".split()),
        1.0,
    ),
    (
        "sample",
        frozenset(
            "samples nsamples numsamples samplesseen consumedsamples examples examplesseen"
            " numexamples trainedsamples".split()
        ),
        1.0,
    ),
    ("image", frozenset("images imagesseen numimages nimg imgs nimages".split()), 1.0),
    ("image", frozenset(["kimg"]), 1000.0),
    ("token", frozenset("tokens tokensseen totaltokens numtokens consumedtokens".split()), 1.0),
    ("tree", frozenset("tree trees ntrees numtrees boostinground".split()), 1.0),
    ("iteration", frozenset(["tick"]), 1.0),
)
_WEAK = frozenset(
    "batch batches batchidx batchid batchnum minibatch batchnumber samples nsamples numsamples"
    " examples numexamples images numimages imgs nimages tokens numtokens tick round rounds gen"
    " frame frames it".split()
)
# How many were in an epoch, beside the column that counts the epochs.
_OF_AN_EPOCH = frozenset(
    "samples nsamples numsamples examples numexamples images numimages imgs nimages batches".split()
)
_SECONDS = {
    **dict.fromkeys(
        "elapsed elapseds elapsedsec elapsedseconds elapsedtime timeelapsed walltime walltimes"
        " wallclock wallclocktime runtime totaltime cumulativetime cumtime relativetime timestamp"
        " unixtime unixtimestamp totalduration time times timesec timeseconds totaltimes"
        " traintimetotal relativetimeprocess relativetimewall createdat seconds secs".split(),
        1.0,
    ),
    **dict.fromkeys("elapsedms timems".split(), 1e-3),
    **dict.fromkeys("minutes elapsedmin elapsedminutes timemin timeminutes mins".split(), 60.0),
    **dict.fromkeys("hours elapsedh elapsedhours timeh timehours".split(), 3600.0),
}
_DATES = frozenset("date datetime datetimeutc".split())
_PATH = re.compile(r"^(?:train|training|trainer|time|misc|counters|charts)[/. _]+", re.IGNORECASE)


@dataclass(frozen=True)
class Counters:
    """Which columns count.

    Parameters
    ----------
    names
        Columns that are no metrics, by what they count; None for a counter beside the one used.
    unit
        What a step is, None if no column counts steps or epochs.
    is_weak
        Whether what counts is as common in tables that are no trainings: batches, samples.
    """

    names: Mapping[str, Name]
    unit: str | None
    is_weak: bool = False


def counters_of(names: Sequence[str]) -> Counters:
    """Find the columns that count epochs, steps and seconds.

    Examples
    --------
    >>> counters_of(["Epoch", "global step", "loss"]).names
    {'Epoch': '#epoch', 'global step': '#step'}
    >>> counters_of(["kimg", "wall_time", "fid"])
    Counters(names={'kimg': ('#step', 1000.0), 'wall_time': '#time_s'}, unit='image', is_weak=False)
    >>> counters_of(["_step", "train/global_step"]).names
    {'_step': None, 'train/global_step': '#step'}
    >>> counters_of(["a", "b"]).unit is None
    True
    """
    plain = {name: _plain(name) for name in names if name and split_of(name) in {None, "train"}}
    found: dict[str, Name] = {}
    epoch = next((name for name in plain if plain[name] in _EPOCH), None)
    if epoch is not None:
        found[epoch] = "#epoch"
    unit = None if epoch is None else "epoch"
    has_steps = is_weak = False
    episodes = [place for place, text in enumerate(plain.values()) if text in _EPISODES]
    later = list(plain.items())[min(episodes, default=len(plain)) :]
    lengths = {name for name, text in later if text == "steps"}  # of the episodes told before
    by_rows_last = sorted(plain, key=lambda name: name.startswith("_"))  # W&B counts its own rows
    for kind, known, factor in _STEPS:
        for name in by_rows_last:
            if plain[name] not in known or name in found:
                continue
            if plain[name] == "idx" and epoch is None:
                continue
            found[name] = None
            if name in lengths or (epoch is not None and plain[name] in _OF_AN_EPOCH):
                continue
            # Epochs of an agent are cycles of many episodes: they are what people count in.
            if not has_steps and not (epoch is not None and plain[name] in _EPISODES):
                found[name] = "#step" if factor == 1.0 else ("#step", factor)
                has_steps, unit = True, kind
                is_weak = epoch is None and plain[name] in _WEAK
    for name, text in plain.items():
        if text in _SECONDS and "#time_s" not in found.values():
            factor = _SECONDS[text]
            found[name] = "#time_s" if factor == 1.0 else ("#time_s", factor)
        elif text in _DATES:
            found[name] = None
    ordered = {name: found[name] for name in plain if name in found}
    return Counters(ordered, unit, is_weak)


def _plain(name: str) -> str:
    """Return a name without its path, unit signs and case."""
    return re.sub(r"[^a-z0-9]", "", _PATH.sub("", name.strip().lower()).rpartition("/")[2])
