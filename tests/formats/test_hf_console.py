"""The Trainer's console, as its callbacks write it."""

from __future__ import annotations

import pytest

from copilot_analytics.formats._hf_lines import WrappedDict
from copilot_analytics.formats._hf_steps import steps_up_to
from copilot_analytics.reading.parsing import LogReader
from copilot_analytics.records import Block


def frame(step, total=200):
    elapsed = f"{step // 60:02d}:{step % 60:02d}"
    return f"\r{100 * step // total:3d}%|#   | {step}/{total} [{elapsed}<?, ?it/s]"


def row(step, per_epoch):
    return f"{{'loss': {1 / step:.4f}, 'learning_rate': 1e-05, 'epoch': {step / per_epoch:.2f}}}"


def interleaved(per_epoch, interval, total=200):
    """Standard output that nothing holds back."""
    text = frame(0, total)
    for step in range(interval, total + 1, interval):
        text += frame(step - interval // 2, total) + f"\r   \r{row(step, per_epoch)}\n"
        text += frame(step, total)
    return text + "\n"


def in_heaps(per_epoch, interval, heap, total=200):
    """Standard output that comes when a buffer is full, and at the end."""
    text, held = frame(0, total), ""
    for step in range(interval, total + 1, interval):
        held += row(step, per_epoch)
        if step // interval % heap == 0:
            text += f"\r    \r{held}"
            held = ""
        text += frame(step, total)
        held += "\n"
    held += f"{{'train_runtime': 60.5, 'train_loss': 0.5, 'epoch': {total / per_epoch:.2f}}}\n"
    return f"{text}\n{held}"


def read(text, size=1 << 20):
    reader = LogReader("toy.log")
    content = text.encode()
    items = []
    for start in range(0, len(content), size):
        items += reader.feed(content[start : start + size])
    items += reader.close()
    return [r for i in items for r in (i.records() if isinstance(i, Block) else [i])]


def steps(records, kind="train"):
    return [record.step for record in records if record.kind == kind]


@pytest.mark.parametrize(("per_epoch", "interval"), [(50, 10), (3000, 5), (20, 20)])
def test_the_frame_behind_a_line_tells_its_step(per_epoch, interval):
    records = read(interleaved(per_epoch, interval))
    assert steps(records) == list(range(interval, 201, interval))
    losses = [r.metrics["loss"] for r in records if r.kind == "train"]
    assert losses[0] == round(1 / interval, 4)
    planned = [r.facts["planned_steps"] for r in records if "planned_steps" in r.facts]
    assert planned == [200]


@pytest.mark.parametrize("heap", [2, 3, 7, 100])
def test_lines_that_python_held_back_get_their_own_steps(heap):
    records = read(in_heaps(50, 5, heap))
    assert steps(records) == list(range(5, 201, 5))
    assert steps(records, "end") == [200]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_do_not_matter(size):
    text = in_heaps(50, 5, 3)
    assert repr(read(text, size)) == repr(read(text))


def test_without_a_bar_the_header_tells_the_steps_of_an_epoch():
    header = (
        "  Num examples = 400\n  Num Epochs = 4\n"
        "  Total train batch size (w. parallel, distributed & accumulation) = 8\n"
        "  Total optimization steps = 200\n"
    )
    text = header + "".join(f"{row(step, 50)}\n" for step in range(10, 201, 10))
    assert steps(read(text)) == list(range(10, 201, 10))


def test_the_header_of_an_evaluation_is_not_that_of_the_training():
    said = "[INFO|trainer.py:100] 2024-03-01 10:00:00,500 >> "
    header = (
        f"{said}***** Running training *****\n{said}  Num examples = 400\n{said}  Num Epochs = 4\n"
        f"{said}  Total train batch size (w. parallel, distributed & accumulation) = 8\n"
        f"{said}  Total optimization steps = 200\n"
    )
    between = f"{said}\n***** Running Evaluation *****\n{said}  Num examples = 40\n"
    parts = [f"[INFO|callbacks:9] >> {row(step, 50)}\n" for step in range(10, 201, 10)]
    assert steps(read(header + between.join(parts))) == list(range(10, 201, 10))


def test_what_is_told_to_a_board_as_well_is_one_line():
    board = "[INFO|2024-03-01 10:00:00] toy.callbacks:143 >> "
    both = [
        f"{frame(step)}{board}{row(step, 50)[:-1]}, 'throughput': 9.5}}\n{row(step, 50)}\n"
        f"{frame(step)}"
        for step in range(10, 51, 10)
    ]
    assert steps(read("".join(both))) == [10, 20, 30, 40, 50]
    alone = "".join(f"{board}{row(step, 50)[:-1]}, 'throughput': 9.5}}\n" for step in (10, 20, 30))
    assert steps(read(alone)) == [1, 2, 3]


def test_a_header_without_a_batch_size_places_lines_by_its_plan():
    header = "***** Running training *****\n  Num Epochs = 4\n  Total optimization steps = 200\n"
    rows = "".join(f"{row(step, 50)}\n" for step in range(10, 201, 10))
    assert steps(read(header + rows)) == list(range(10, 201, 10))


@pytest.mark.parametrize("interval", [1, 5, 10, 50])
def test_without_a_bar_deepspeed_tells_the_steps(interval):
    told = "[2024-03-01 10:00:00,500] [INFO] [logging.py:96:log_dist] [Rank 0] step={}, skipped=0\n"
    text = ""
    for step in range(1, 201):
        text += told.format(step) if step % 10 == 0 else ""
        text += row(step, 80) + "\n" if step % interval == 0 else ""
    read_steps = [step for step in steps(read(text)) if step >= 10]
    assert read_steps == [step for step in range(interval, 201, interval) if step >= 10]


def test_deepspeed_tells_the_steps_of_a_second_training_too():
    told = "[INFO] [logging.py:96:log_dist] [Rank 0] step={}, skipped=0\n"
    first = "".join(told.format(s) + row(s, 80) + "\n" for s in range(10, 51, 10))
    second = "".join(told.format(s) + row(s, 40) + "\n" for s in range(10, 31, 10))
    assert steps(read(first + second)) == [10, 20, 30, 40, 50, 10, 20, 30]


def test_with_nothing_but_epochs_lines_are_counted():
    records = read("".join(f"{row(step, 50)}\n" for step in (10, 20, 30)))
    assert [(r.step, r.epoch) for r in records if r.kind == "train"] == [
        (1, 0.2),
        (2, 0.4),
        (3, 0.6),
    ]


def test_a_bar_of_an_evaluation_places_nothing():
    text = frame(0) + frame(50) + f"\r  \r{row(50, 50)}\n" + frame(50)
    text += "".join(frame(n, 9) for n in range(10)) + "\r"
    text += "{'eval_loss': 0.75, 'eval_runtime': 2.5, 'epoch': 1.0}\n" + frame(9, 9) + frame(50)
    records = read(text)
    assert steps(records) == [50]
    (result,) = [r for r in records if r.kind == "eval"]
    assert (result.step, result.epoch, dict(result.metrics)) == (50, 1.0, {"eval_loss": 0.75})


def test_a_script_may_train_one_model_after_the_other() -> None:
    text = "".join(
        f"### {model}\n"
        "{'loss': 1.5, 'learning_rate': 1e-05, 'epoch': 0.5}\n"
        "{'eval_loss': 1.25, 'eval_runtime': 2.0, 'epoch': 1.0}\n"
        "{'loss': 1.0, 'learning_rate': 1e-06, 'epoch': 1.5}\n"
        "{'train_runtime': 20.0, 'train_loss': 1.2, 'epoch': 2.0}\n"
        "100%|##########| 40/40 [00:20<00:00,  2.00it/s]\n"
        "{'eval_loss': 1.125, 'eval_runtime': 2.0, 'epoch': 2.0}\n"
        for model in ("small", "large")
    )
    reader = LogReader("toy.log")
    items = [*reader.feed(text.encode()), *reader.close()]
    records = [r for i in items for r in (i.records() if isinstance(i, Block) else (i,))]
    launch = next(n for n, r in enumerate(records) if r.kind == "launch")
    for half in (records[:launch], records[launch:]):
        assert [r.metrics["loss"] for r in half if r.kind == "train"] == [1.5, 1.0]
        assert [r.metrics["eval_loss"] for r in half if r.kind == "eval"] == [1.25, 1.125]


def test_a_header_whose_counts_lost_their_digits_plans_nothing():
    text = f"  Num examples = ,\n  Num Epochs = ,,\n{row(1, 10)}\n{row(2, 10)}\n"
    reader = LogReader("toy.log")
    items = [*reader.feed(text.encode()), *reader.close()]
    facts = [item.facts for item in items if not isinstance(item, Block)]
    assert any(isinstance(item, Block) for item in items)
    assert not any("planned_epochs" in told for told in facts)


def test_a_dict_that_was_begun_is_given_up_at_a_wide_line_and_after_many():
    wide, wrapped = "x" * 501, WrappedDict()
    assert [wrapped.see(line) for line in ("{'loss': 1.0,", wide, "'epoch': 1.0}")] == [None] * 3
    many = ["{'loss': 1.0,", *["'a': 1.0,"] * 101, "'epoch': 1.0}"]
    assert [wrapped.see(line) for line in many] == [None] * len(many)


def test_an_evaluation_before_a_line_of_the_training_shares_its_step():
    assert steps_up_to(90, [0.03] * 3, 60, [False, True, True]) == [75, 75, 90]


ARGUMENTS = "TrainingArguments(logging_steps={}, max_steps={}, num_train_epochs=4.0,)\n"


def exact_row(step, per_epoch):
    return f"{{'loss': {1 / step:.4f}, 'learning_rate': 1e-05, 'epoch': {step / per_epoch!r}}}\n"


def test_printed_arguments_tell_how_many_steps_a_line_stands_for():
    rows = "".join(exact_row(step, 613) for step in range(20, 1300, 20))
    records = read(ARGUMENTS.format(20, -1) + rows)
    assert steps(records) == list(range(20, 1300, 20))
    told = {key: fact for r in records if r.kind == "config" for key, fact in r.facts.items()}
    assert told["steps_per_epoch"] == 613
    assert told["planned_steps"] == 4 * 613
    assert "step_unit" not in told


def test_an_evaluation_between_two_counted_lines_stands_where_its_epoch_ends():
    rows = [exact_row(step, 25) for step in range(10, 61, 10)]
    rows.insert(2, "{'eval_loss': 0.75, 'eval_runtime': 2.5, 'epoch': 1.0}\n")
    records = read(ARGUMENTS.format(10, -1) + "".join(rows))
    assert steps(records, "eval") == [25]
    assert steps(records) == [10, 20, 30, 40, 50, 60]


def test_a_line_of_the_first_step_is_one_step():
    arguments = "logging_first_step=True,\n" + ARGUMENTS.format(10, 40)
    records = read(arguments + "".join(exact_row(step, 25) for step in (1, 10, 20)))
    assert steps(records) == [1, 10, 20]
    told = {key: fact for r in records if r.kind == "config" for key, fact in r.facts.items()}
    assert told["planned_steps"] == 40
    assert "planned_epochs" not in told


def test_lines_that_are_counted_are_no_iterations():
    text = "".join(exact_row(step, 625) for step in range(10, 630, 10))
    text += "{'train_runtime': 60.5, 'train_loss': 0.5, 'epoch': 1.0}\n"
    records = read(text)
    assert [r.facts["step_unit"] for r in records if "step_unit" in r.facts] == ["line"]
    assert (records[-1].kind, records[-1].step, records[-1].epoch) == ("end", 62, 1.0)


def test_a_bar_that_comes_late_counts_iterations_again():
    text = exact_row(10, 50) + frame(15) + f"\r \r{exact_row(20, 50)}" + frame(20)
    records = read(text)
    units = [r.facts["step_unit"] for r in records if "step_unit" in r.facts]
    assert units == ["line", "iteration"]
    assert steps(records) == [1, 20]


@pytest.mark.parametrize("strategy", ["epoch", "IntervalStrategy.EPOCH", "no"])
def test_an_interval_that_does_not_hold_counts_nothing(strategy):
    text = f"logging_strategy={strategy}\n" + ARGUMENTS.format(10, -1)
    records = read(text + exact_row(50, 50) + exact_row(100, 50))
    assert steps(records) == [1, 2]


def sizes(text):
    told = (record.facts for record in read(text) if record.kind == "config")
    return [facts["eval_samples"] for facts in told if "eval_samples" in facts]


def evaluation(seconds, per_second, prefix="eval"):
    speed = f"'{prefix}_runtime': {seconds}, '{prefix}_samples_per_second': {per_second}"
    return f"{{'{prefix}_loss': 0.5, {speed}, 'epoch': 1.0}}\n"


def test_evaluations_tell_their_size_by_what_they_took():
    # 872 examples each; what three digits leave open the next evaluation settles.
    rounded = [evaluation("'123'", "'7.066'"), evaluation("'121'", "'7.207'")]
    assert sizes("".join(rounded)) == []
    assert sizes(evaluation(123.4071, 7.066)) == [872]
    assert sizes("".join([*rounded, evaluation("'12.34'", "'70.66'")])) == [872]


def test_evaluations_of_different_sizes_have_none_in_common():
    thousand, half = evaluation(2.5034, 399.456), evaluation(2.5034, 199.728)
    assert sizes(thousand + half + thousand) == [1000, 0]
    assert sizes(evaluation(2.5034, 399.456, "eval_mnli") + evaluation(2.5, 40.0, "eval_qqp")) == []


def test_a_speed_of_nothing_tells_no_size():
    assert sizes(evaluation(0.0, 400.0) + evaluation("nan", "inf")) == []


def test_the_size_is_that_of_evaluations_and_not_of_the_training():
    text = (
        "***** Running training *****\n  Num examples = 8,000\n"
        "{'loss': 0.5, 'epoch': 1.0}\n"
        "***** Running Evaluation *****\n  Num examples = 872\n  Batch size = 8\n"
        "***** Running Prediction *****\n  Num examples = 40\n"
    )
    assert sizes(text) == [872]
    assert sizes("***** Running Evaluation *****\n  Num examples: Unknown\n" + text) == [872]
