from __future__ import annotations

import itertools
import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from toy_formats import TOYS, ToyJsonParser, comparable, expanded

from copilot_analytics.reading.gathering import OTHER, Gathered
from copilot_analytics.reading.lines import LineSplitter
from copilot_analytics.reading.object_layouts import ObjectLayouts, layout_of
from copilot_analytics.reading.parsing import LogReader

NUMBERS = st.one_of(
    st.floats().map(json.dumps),
    st.floats(-10, 10).map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["-0", "-0.0", "1e999", "9" * 400, "01", "+1", "null", "true", '"text"', "[1, 2]", "1E-05",
         "nan", "", "9223372036854775808", "9007199254740993", '{"x": 1}', "0.1, 0.2", "1,,2"]
    ),
)  # fmt: skip
SHAPES = st.sampled_from(
    [
        '{{"step": {0}, "mode": "train", "loss": {1}, "d0.x": {2}}}',
        '{{"mode": "train", "step": {0}, "loss": {1}}}',
        '{{"step":{0},"mode":"train","loss":{1},"d1.x":{2}}}',
        '{{"step": {0}, "mode": "train", "loss_2": {1}, "ok": true, "ids": [1, "a", 2]}}',
        '{{"step": {0}, "mode": "train", "a\\"b": {1}, "é": {2}}}',
        '{{"step": {0}, "mode": "train", "loss": {1}, "loss": {2}}}',
        '{{"step": {0}, "mode": "train", "text": "{1}, {2}"}}',
        '{{"step": {0}, "mode": "train", "in": {{"loss": {1}}}, "x": {2}}}',
        '{{"step": {0}, "mode": "val", "acc": {1}}}',
        ' {{ "step" : {0} , "mode" : "train" , "loss" : {1} }} ',
        '{{"loss": {1}, "step": {0}, "mode": "train"',
        '{{"step": {0}, "mode": "train", "loss": {1}}} {2}',
        '\x1b[0m{{"step": {0}, "mode": "train", "loss": {1}}}',
    ]
)


@st.composite
def logs(draw):
    """Lines of a few shapes, enough of each for a layout."""
    shapes = draw(st.lists(SHAPES, min_size=1, max_size=3))
    usual = draw(st.lists(st.floats(-9, 9).map(repr), min_size=1, max_size=5))
    odd = draw(st.lists(st.tuples(st.integers(0, 119), NUMBERS, NUMBERS), max_size=6))
    turns = draw(st.integers(1, 50))
    numbers = itertools.cycle(usual)
    lines = [
        shapes[step // turns % len(shapes)].format(step, next(numbers), next(numbers))
        for step in range(120)
    ]
    for place, one, other in odd:
        lines[place] = draw(SHAPES).format(place, one, other)
    return ['{"step": 0, "mode": "train"}', *lines]


def read(content, cuts=()):
    reader = LogReader("toy.log", "toy_json", formats=TOYS)
    items = []
    for a, b in itertools.pairwise([0, *cuts, len(content)]):
        items += reader.feed(content[a:b])
    return comparable(expanded([*items, *reader.close()])), reader.stats


@given(logs(), st.lists(st.integers(0, 9000), max_size=3))
def test_many_lines_at_once_read_as_each_alone(lines, cuts):
    content = "".join(line + "\n" for line in lines).encode()
    ends = list(itertools.accumulate(len(line.encode()) + 1 for line in lines))
    alone = read(content, ends)
    assert read(content) == alone
    assert read(content, sorted(cut % len(content) for cut in cuts)) == alone


@given(logs())
def test_values_are_those_that_json_reads(lines):
    records, _ = read("".join(line + "\n" for line in lines).encode())
    for kind, _, _, _, metrics, _, number, _ in (eval(r, vars(math)) for r in records):  # noqa: S307
        if kind == "train":
            said = json.loads(lines[number - 1].removeprefix("\x1b[0m"))
            assert {name: repr(value) for name, value in metrics.items()} == {
                name: repr(as_float(value))
                for name, value in said.items()
                if type(value) in (int, float) and name != "step"
            }


def as_float(number):
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf  # it is a whole number


def gathered(lines, layouts=None):
    lines = LineSplitter().feed("".join(line + "\n" for line in lines).encode())
    found = Gathered(lines.size)
    left = (layouts or ObjectLayouts()).gather(lines, ToyJsonParser(""), found)
    assert np.flatnonzero(found.kind == OTHER).tolist() == left.tolist()
    return found, left.tolist()


def row(step, **others):
    return json.dumps({"step": step, "mode": "train", "loss": step / 7, **others})


def test_lines_that_are_alike_are_not_parsed():
    lines = [row(step) for step in range(9000)]
    lines[500] = '{"step": 3, "mode": "val", "acc": 0.5}'
    lines[600] = '{"step": 3, "mode": "train", "loss": [1.0]}'
    lines[700] = row(700).replace("train", "trainx")
    lines[800] = row(800, lr=0.1)
    found, left = gathered(lines)
    assert left == [500, 600, 700, 800]
    columns = [columns for kind, _, columns in found.runs() if kind != OTHER]
    losses = np.concatenate([part["loss"] for part in columns])
    steps = [step for step in range(9000) if step not in left]
    assert losses.tolist() == [step / 7 for step in steps]


def test_lines_of_several_kinds_in_turn_have_a_layout_each():
    kinds = [{}, {"lr": 0.5}, {"lr": 0.5, "ok": True}, {"note": "a, 1"}]
    _, left = gathered([row(step, **kinds[step % 4]) for step in range(400)])
    assert left == []


def test_numbers_that_json_words_are_numbers():
    found, left = gathered([row(step, x=float("nan"), y=float("-inf")) for step in range(100)])
    assert left == []
    ((_, _, columns),) = found.runs()
    assert np.isnan(columns["x"]).all() and (columns["y"] == -np.inf).all()


def test_few_lines_are_left_to_the_parser():
    assert gathered([row(step) for step in range(5)])[1] == [0, 1, 2, 3, 4]


def test_what_is_remembered_is_bounded():
    layouts = ObjectLayouts(variants=2, most=8)
    for size in range(30):
        for name in ("a", "b", "c"):
            more = {f"{name}{i}": 0.5 for i in range(size)}
            assert gathered([row(step, **more) for step in range(40)], layouts)[1] == []
    known = layouts._known
    assert len(known) <= 5 and all(len(kept) <= 2 for kept in known.values())


def test_texts_that_change_in_every_line_cost_few_tries():
    tried = []

    class Counting(ToyJsonParser):
        def columns(self, keys, statement):
            tried.append(statement)
            return super().columns(keys, statement)

    lines = [row(step, at=f"2026-01-01T00:{step % 60:02d}:{step:05d}") for step in range(3000)]
    text = LineSplitter().feed("".join(line + "\n" for line in lines).encode())
    left = ObjectLayouts().gather(text, Counting(""), Gathered(text.size))
    assert len(tried) < 10 and len(left) >= 2990


def test_only_flat_statements_of_training_have_a_layout():
    parser = ToyJsonParser("")
    for line in (
        b'{"step": 1, "mode": "train", "in": {"x": 1}}',
        b'{"step": 1, "mode": "train", "step": 2}',
        b'{"step": 1, "mode": "train", "a\\u00e9": 2}',
        b'{"step": 1, "mode": "val"}',
        b'{"step": 1, "mode": "train"',
        b'{"step": 9223372036854775808, "mode": "train"}',
        b'["step", 1]',
        b"step 1",
        b"",
        b'{"step": 1, "mode": "train", "x": "' + b"x" * 9000 + b'"}',
    ):
        assert layout_of(line, parser) is None, line
    layout = layout_of(b'{"x": 1.5, "step": 2, "mode": "train"}', parser)
    assert layout is not None and layout.names == ("x", "step")
