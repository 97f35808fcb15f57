from __future__ import annotations

import itertools
import json
import math
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_formats import TOYS, comparable, expanded

from copilot_analytics.errors import NotATrainingLogError, UnknownFormatError
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.reading.text import may_be_cut
from copilot_analytics.records import Block


def read(content, cuts=(), log_format=None, *, pickled=False, file="toy.log"):
    reader = LogReader(file, log_format, formats=TOYS)
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    items = []
    for a, b in itertools.pairwise(places):
        if pickled:
            reader = pickle.loads(pickle.dumps(reader))  # noqa: S301  # our own bytes
        items += reader.feed(content[a:b])
    items += reader.close()
    return comparable(expanded(items)), reader


NUMBERS = st.one_of(
    st.floats().map("{!r}".format),
    st.floats(-10, 10).map("{:.4f}".format),
    st.floats(1e-9, 1).map("{:.3e}".format),
    st.sampled_from(["nan", "inf", "-inf", "-0", "1e999", "-0.0", "9" * 400, "1_0", "1,5"]),
)
TRAINING = st.builds(
    "step {}: {}{}={} d{}.acc={}".format,
    st.integers(0, 20000),
    st.sampled_from(["", "host7 ", "\x1b[32m ", "é "]),
    st.sampled_from(["loss", "loss_2"]),
    NUMBERS,
    st.integers(0, 2),
    NUMBERS,
)
OTHER = st.sampled_from(
    ["eval acc=0.50", "", "  ", "toy header", "chatter 5", "resumed", "Killed", "step x: loss=1",
     "Traceback (most recent call last):", '  File "a.py", line 3', "RuntimeError: boom"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(TRAINING, TRAINING, OTHER), max_size=25)
CUTS = st.lists(st.integers(0, 2000), max_size=8)


def spread(lines, copies):
    """Repeat lines, so that layouts become worth learning."""
    return ["step 1: loss=0.5", *(lines * copies)]


@given(TEXTS, CUTS, st.integers(1, 12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_the_chunking_of_a_text_log_never_matters(lines, cuts, copies, ending, whole):
    content = ending.join(spread(lines, copies)).encode() + ending.encode() * whole
    expected, reader = read(content)
    for result, other in (read(content, cuts), read(content, cuts, pickled=True)):
        assert result == expected
        assert other.stats == reader.stats and other.detection == reader.detection


@given(TEXTS, st.integers(1, 12))
def test_many_lines_at_once_read_as_each_alone(lines, copies):
    content = "".join(line + "\n" for line in spread(lines, copies))
    together, _ = read(content.encode(), log_format="toy_text")
    alone = LogReader("toy.log", "toy_text", formats=TOYS)
    items = []
    for line in content.splitlines(keepends=True):
        alone._reader._cache.__init__(most=0)  # nothing is ever learned
        items += alone.feed(line.encode())
    assert comparable(expanded([*items, *alone.close()])) == together


@given(TEXTS)
def test_values_are_those_that_were_printed(lines):
    lines = spread(lines, 9)
    reader = LogReader("toy.log", "toy_text", formats=TOYS)
    items = reader.feed("".join(line + "\n" for line in lines).encode())
    for record in expanded(items):
        if record.kind != "train":
            continue
        line = lines[record.line - 1]
        printed = dict(pair.split("=") for pair in line.split(" ") if "=" in pair)
        for name, number in record.metrics.items():
            assert repr(number) == repr(float(printed[name]))


JSON_NUMBERS = st.one_of(
    st.floats(), st.integers(), st.integers(-(10**400), 10**400), st.just(10**5000 // 3)
)


@st.composite
def statements(draw):
    record = {"step": draw(st.integers(0, 99)), "mode": draw(st.sampled_from(["train", "val"]))}
    record["loss"] = draw(st.one_of(st.floats(), st.sampled_from([None, True, "nan", [1], {}])))
    record[draw(st.sampled_from(["d0.x", "d1.x", "é", 'q"']))] = draw(st.floats())
    if draw(st.booleans()):
        record["acc"] = draw(st.floats(0, 1))
    return json.dumps(record, ensure_ascii=draw(st.booleans()))


BAD_JSON = st.sampled_from(
    ["", "[1]", "{", '{"step": 1, "mode": "train", "loss": 01}', "chatter", "[" * 5000,
     '{"a":' * 5000, '{"step": 1, "step": 2, "mode": "train", "loss": 3}',
     '{"step": 1, "mode": "train", "loss": 1e999}', '{"step": 2, "mode": "train", "loss": -0}',
     '{"step": 1, "mode": "train", "loss": ' + "9" * 5000 + "}", '{"step":1,"mode":"train"}',
     '{"step": 1, "mode": "train", "loss": -Infinity}', '{"x":1},{"y":2}']
)  # fmt: skip


@given(st.lists(st.one_of(statements(), statements(), BAD_JSON), max_size=20), CUTS,
       st.integers(1, 4))  # fmt: skip
def test_the_chunking_of_a_json_log_never_matters(lines, cuts, copies):
    lines = ['{"step": 0, "mode": "train"}', *lines * copies]
    content = "".join(line + "\n" for line in lines).encode()
    expected, reader = read(content)
    for result, other in (read(content, cuts), read(content, cuts, pickled=True)):
        assert result == expected and other.stats == reader.stats
    trained = [eval(r, {"nan": math.nan, "inf": math.inf}) for r in expected]  # noqa: S307
    for kind, _, _, _, metrics, _, number, _ in trained:
        if kind == "train":
            try:
                said = json.loads(lines[number - 1])
            except ValueError:
                continue  # 5,000 digits, which json refuses
            numbers = {k: v for k, v in said.items() if isinstance(v, int | float)}
            assert {k: repr(v) for k, v in metrics.items()} == {
                k: repr(float(v)) for k, v in numbers.items() if k != "step" and v is not True
            }


def test_the_first_record_names_format_and_smoothing():
    reader = LogReader("toy.log", formats=TOYS)
    items = reader.feed(b"chatter\nstep 1: loss=2.0\n")
    assert (items[0].kind, dict(items[0].facts)) == (
        "config",
        {"log_format": "toy_text", "smoothing": 5},
    )
    assert isinstance(items[1], Block)
    assert reader.detection.format == "toy_text" and reader.detection.confidence == 1.0


def test_blocks_are_as_long_as_they_can_be():
    lines = [f"step {i}: loss={i / 7:.4f}" for i in range(5000)]
    lines.insert(2000, "eval acc=0.5")
    reader = LogReader("toy.log", formats=TOYS)
    items = reader.feed("\n".join(lines).encode() + b"\n")
    assert [len(i) if isinstance(i, Block) else i.kind for i in items] == [
        "config", 2000, "eval", 3000,
    ]  # fmt: skip
    assert items[2].facts["after"] == 2000
    assert items[3].step.tolist() == list(range(2000, 5000))
    assert items[3].metrics["loss"].tolist() == [float(f"{i / 7:.4f}") for i in range(2000, 5000)]


def test_stats_tell_what_became_of_the_lines():
    content = b"step 1: loss=1.0\n\nchatter\neval acc=0.5\n" + b"x" * (1 << 21) + b"\nstep 2: lo"
    _, reader = read(content)
    stats = reader.stats
    assert (stats.lines, stats.training, stats.evaluations) == (5, 1, 1)
    assert (stats.skipped, stats.too_long, stats.records) == (2, 1, 3)


def test_a_header_alone_waits_for_more_and_is_believed_at_the_end():
    reader = LogReader("toy.log", formats=TOYS)
    assert reader.feed(b"toy header\n" + b"chatter\n" * 3000) == []
    assert reader.detection is None
    assert len(reader.feed(b"step 1: loss=1.0\n")) == 3
    records, other = read(b"toy header\n")
    assert other.detection.format == "toy_text" and other.detection.confidence == 0.7
    assert len(records) == 3


def test_training_after_a_long_prelude_is_found():
    content = b"downloading\n" * 50_000 + b"step 7: loss=1.0\n"
    expected, reader = read(content)
    assert reader.detection.format == "toy_text" and any("'train'" in r for r in expected)
    assert read(content, range(0, len(content), 9973))[0] == expected


def test_no_training_is_refused_with_advice():
    with pytest.raises(NotATrainingLogError) as error:
        read(b"my toy diary\n" * 3)
    for part in ("toy.log", "3 lines", "toy log (toy_text, 0.10)", "--log-format"):
        assert part in str(error.value)
    assert "toy JSON log" not in str(error.value)  # the nearest ones are enough


def test_a_document_that_quotes_a_log_is_refused():
    quoted = b"Some words.\n" * 300 + b"step 7: loss=1.0\n" * 4
    with pytest.raises(NotATrainingLogError, match="document that quotes a log: 4 of its 304"):
        read(quoted, file="notes.md")
    assert read(quoted)[1].detection.format == "toy_text"
    assert read(quoted, file="notes.md", log_format="toy_text")[0]
    assert read(b"step 7: loss=1.0\n" * 9, file="notes.md")[0]


def test_the_format_can_be_named():
    assert "'train'" in read(b"step 1: loss=1.0\n", log_format="toy_text")[0][1]
    with pytest.raises(UnknownFormatError, match=r"Did you mean 'toy_text'\?.*toy_json, toy_text"):
        LogReader("x", "toy_txt", formats=TOYS)
    with pytest.raises(NotATrainingLogError, match="read as toy_json"):
        read(b"step 1: loss=1.0\n", log_format="toy_json")


@pytest.mark.parametrize(("tail", "whole"), [
    ("step 2: loss=0.5000 acc=0.7500", True),
    ("step 2: loss=0.5000 acc=0.75", False),
    ("step 2: loss=0.5000 acc=0.", False),
    ("step 2: loss=5", False),
])  # fmt: skip
def test_a_number_that_may_be_cut_off_is_not_believed(tail, whole):
    assert may_be_cut(tail) is not whole
    records, _ = read(b"step 1: loss=1.0 acc=0.5\n" + tail.encode())
    assert any("'train', 2" in record for record in records) is whole


@pytest.mark.parametrize(("above", "last", "whole"), [
    ("0.2500", "0.1250", True),
    ("0.2500", "0.125", False),
    ("0.8613", "12", False),
    ("0.84512345678901235", "8.451234567890123", True),
    ("8.451234567890123e-05", "8.451234567890123", False),
    ("0.84512345678901235", "0.84512", False),
])  # fmt: skip
def test_a_last_number_is_whole_if_it_ends_like_the_one_above(above, last, whole):
    assert may_be_cut(f"2,{last}", f"1,{above}") is not whole
    records, _ = read(f"step 1: loss={above}\nstep 2: loss={last}".encode())
    assert any("'train', 2" in record for record in records) is whole


def test_every_line_with_its_own_layout():
    rng = random.Random(3)  # noqa: S311  # layouts, not secrets
    lines = []
    for i in range(3000):
        pads = " ".join("w" * rng.randrange(1, 9) for _ in range(6))
        lines.append(f"step {i}: {pads} loss={rng.random():.{rng.randrange(1, 17)}f}")
    reader = LogReader("toy.log", formats=TOYS)
    records = expanded(reader.feed("\n".join(lines).encode() + b"\n"))[1:]
    assert [r.metrics["loss"] for r in records] == [float(x.rpartition("=")[2]) for x in lines]


def test_lines_that_were_left_out_are_told():
    content = b"step 1: loss=2.0\n" * 3 + b"x" * (2 << 20) + b"\nstep 9: loss=1.0\n"
    reader = LogReader("toy.log", formats=TOYS)
    items = reader.feed(content) + reader.close()
    notes = [item.facts["note"] for item in items if getattr(item, "facts", {}).get("note")]
    assert notes == ["left out: 1 line of more than 1 MiB"]


def test_a_single_line_is_counted_as_one():
    with pytest.raises(NotATrainingLogError, match=r"\(1 line read\)"):
        read(b"nothing of a training\n")


def test_a_log_that_died_before_it_trained_is_refused_with_how_it_died():
    text = (
        "starting two processes\nTraceback (most recent call last):\n"
        '  File "run.py", line 3, in <module>\n'
        "torch.cuda.OutOfMemoryError: CUDA out of memory\nbye\n"
    )
    reader = LogReader("run.log")
    assert reader.feed(text.encode()) == []
    with pytest.raises(NotATrainingLogError, match=r"line 4: torch\.cuda\.OutOfMemoryError: CUDA"):
        reader.close()


def test_a_process_that_ended_well_without_training_did_not_die():
    reader = LogReader("run.log")
    reader.feed(b"tests passed\nProcess finished with exit code 0\n")
    with pytest.raises(NotATrainingLogError, match="holds no training") as refusal:
        reader.close()
    assert "died" not in str(refusal.value)
