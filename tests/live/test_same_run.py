"""One run that writes console and tables side by side is one; two of one seed are two."""

from __future__ import annotations

import json
import os
import time

import pytest

from copilot_analytics.live import same_run
from copilot_analytics.live.finding import find_logs, table
from copilot_analytics.live.same_run import Form, forms_of_one_run

NAMES = ("rollout/ep_rew_mean", "train/value_loss", "train/loss", "train/approx_kl", "train/lr")


def rows_of(seed, count=6):
    """Return what a logger of Stable-Baselines3 is told."""
    return [
        {
            "time/total_timesteps": 256 * at,
            **{
                name: (seed + 2) * (number + 1) / (at + seed / 7)
                for number, name in enumerate(NAMES[:4])
            },
            NAMES[4]: 0.0003,
        }
        for at in range(1, count + 1)
    ]


def console(rows):
    """Write tables as they are printed: three digits, cut by sections."""
    text = "Using cpu device\n"
    for row in rows:
        lines, section = [], ""
        for key, number in row.items():
            head, _, name = key.partition("/")
            if head != section:
                lines.append(f"| {head + '/':<20} | {'':<12} |")
                section = head
            lines.append(f"|    {name:<17} | {number:<12.3g} |".replace("e+03", "e+03"))
        rule = "-" * len(lines[0])
        text += "\n".join([rule, *lines, rule]) + "\n"
    return text


def csv(rows):
    head = ",".join(rows[0])
    return "\n".join([head, *(",".join(map(str, row.values())) for row in rows)]) + "\n"


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(path, text, age_s=5.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


@pytest.fixture(autouse=True)
def _forget():
    same_run._DECIDED.clear()
    same_run._OPEN.clear()


def found_in(folder, **more):
    search = find_logs(folder, look_s=0.0, sleep=lambda _: None, least_bytes=1, **more)
    told = {os.path.relpath(one.path, folder): one.refusal for one in search.candidates}
    return search, told


def test_the_tables_below_a_console_are_its_run(tmp_path):
    rows = rows_of(1)
    write(tmp_path / "console.log", console(rows), age_s=9.0)
    write(tmp_path / "out/progress.csv", csv(rows), age_s=1.0)
    write(tmp_path / "out/progress.json", jsonl(rows), age_s=1.0)
    search, told = found_in(tmp_path)
    assert search.chosen is not None and search.chosen.path == str(tmp_path / "console.log")
    why = f"of the same run as {tmp_path}/console.log"
    assert told == {"console.log": "", "out/progress.csv": why, "out/progress.json": why}
    assert why in table(search, time.time())


def test_what_tells_more_is_kept(tmp_path):
    rows = rows_of(1)
    few = [{key: row[key] for key in (*list(row)[:5],)} for row in rows]
    write(tmp_path / "console.log", console(few))
    more = [{**row, "train/clip": row["train/loss"] / 3} for row in rows]
    write(tmp_path / "out/progress.csv", csv(more))
    _, told = found_in(tmp_path)
    assert told["out/progress.csv"] == "" and told["console.log"].startswith("of the same run")


def test_the_form_that_is_watched_stays_so(tmp_path):
    rows = rows_of(1)
    write(tmp_path / "console.log", console(rows))
    table_ = write(tmp_path / "out/progress.csv", csv(rows))
    _, told = found_in(tmp_path, followed={str(table_)})
    assert told["out/progress.csv"] == "" and told["console.log"].startswith("of the same run")


@pytest.mark.parametrize("seeds", [(1, 1), (1, 2)])
def test_runs_of_one_seed_in_folders_of_their_own_are_two(tmp_path, seeds):
    for name, seed in zip("ab", seeds, strict=True):
        write(tmp_path / name / "progress.csv", csv(rows_of(seed)))
        write(tmp_path / name / "progress.json", jsonl(rows_of(seed)))
    _, told = found_in(tmp_path)
    taken = sorted(path for path, refusal in told.items() if not refusal)
    assert [path[0] for path in taken] == ["a", "b"]


def test_a_console_above_two_runs_of_its_seed_is_joined_to_neither(tmp_path):
    write(tmp_path / "console.log", console(rows_of(1)))
    for name in "ab":
        write(tmp_path / name / "progress.csv", csv(rows_of(1)))
        write(tmp_path / name / "progress.json", jsonl(rows_of(1)))
    _, told = found_in(tmp_path)
    taken = sorted(path for path, refusal in told.items() if not refusal)
    assert len(taken) == 3 and "console.log" in taken


def test_other_values_and_other_times_are_other_runs(tmp_path):
    write(tmp_path / "console.log", console(rows_of(1)))
    write(tmp_path / "out/progress.csv", csv(rows_of(2)))
    assert not any(found_in(tmp_path)[1].values())
    write(tmp_path / "out/progress.csv", csv(rows_of(1)), age_s=8000.0)
    assert not any(found_in(tmp_path)[1].values())


def test_a_row_is_too_little_and_more_of_them_are_looked_at_later(tmp_path):
    rows = rows_of(1)
    log, beside = tmp_path / "console.log", tmp_path / "out/progress.csv"

    def forms():
        files = (log, "console"), (beside, "table")
        return [Form(str(path), form, path.stat().st_size, 1000.0) for path, form in files]

    write(log, console(rows[:1]))
    write(beside, csv(rows[:1]))
    assert forms_of_one_run(forms()) == []
    write(log, console(rows))
    write(beside, csv(rows))
    assert forms_of_one_run(forms()) == [[str(log), str(beside)]]


def test_what_is_written_anew_is_compared_anew(tmp_path):
    log, beside = tmp_path / "console.log", tmp_path / "out/progress.csv"

    def forms():
        files = (log, "console"), (beside, "table")
        return [Form(str(path), form, path.stat().st_size, 1000.0) for path, form in files]

    write(log, console(rows_of(1)))
    write(beside, csv(rows_of(2, count=40)))
    assert forms_of_one_run(forms()) == []
    write(beside, csv(rows_of(1)))
    assert forms_of_one_run(forms()) == [[str(log), str(beside)]]


def test_a_folder_of_many_logs_is_not_of_one_run(tmp_path):
    for number in range(5):
        write(tmp_path / f"run{number}.log", console(rows_of(number)))
    write(tmp_path / "out/progress.csv", csv(rows_of(0)))
    assert not any(found_in(tmp_path)[1].values())
