"""Tables with a row for each number."""

from __future__ import annotations

from copilot_analytics.formats.long_table import FORMAT as LONG_TABLE


def test_a_long_table_is_read_whichever_way_it_is_sorted() -> None:
    by_metric = [
        ("10", "loss", "0.5"),
        ("20", "loss", "0.25"),
        ("10", "acc", "0.1"),
        ("20", "acc", "0.2"),
    ]
    for rows in (by_metric, sorted(by_metric)):
        text = "step,metric,value\n" + "".join(",".join(row) + "\n" for row in rows)
        parser = LONG_TABLE.parser("a.csv")
        items = [i for n, line in enumerate(text.splitlines(), 1) for i in parser.parse(line, n)]
        trained = [i for i in [*items, *parser.close()] if i.kind == "train"]
        assert [(r.step, dict(r.metrics)) for r in trained] == [
            (10, {"loss": 0.5, "acc": 0.1}),
            (20, {"loss": 0.25, "acc": 0.2}),
        ]


def test_a_long_table_of_anything_else_is_not_claimed() -> None:
    rows = "".join(f"{s},gdp,{s}.5\n{s},inflation,0.{s}\n" for s in range(1, 9))
    assert LONG_TABLE.confidence(["step,metric,value", *rows.splitlines()]) == 0.0
