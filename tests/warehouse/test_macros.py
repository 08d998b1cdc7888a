"""Each macro that models compute with, on values whose answer is known."""

import json

import pytest
from dbt.cli.main import dbtRunner

from orchestration.transform.dbt_run import told_of_build
from tests.warehouse.histories import manifest_of, point_dbt_at

VALUES = "(values {}) as given (value)"


def value_of(url, expression, build_id=0):
    """Return what Postgres makes of an expression of macros, as JSON has it."""
    point_dbt_at(url)
    query = f"select to_json({expression})::text as answer"
    options = ["--quiet", "--no-use-colors"]
    with told_of_build(build_id, days=[]):
        shown = dbtRunner(manifest=manifest_of(url)).invoke(
            ["show", "--inline", query, *options]
        )
    assert shown.success, shown.exception
    (row,) = shown.result.results[0].agate_table.rows
    return json.loads(row["answer"]) if row["answer"] else None


def from_values(expression, values):
    listed = ", ".join(f"({value})" for value in values)
    return f"(select {expression} from {VALUES.format(listed)})"


PERCENTILE = "{{{{ percentile('value', {}) }}}}"
SPINE = """(
    select json_agg(spine.day order by spine.day)
    from ({{{{ calendar_spine("{}") }}}}) as spine
)"""
DAYS = "(values (date '2026-02-27'), (date '2026-03-02')) as given (day)"
NO_DAYS = "(select null::date as day where false) as given"


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("{{ safe_divide('1', '4') }}", 0.25),
        ("{{ safe_divide('1', '0') }}", None),
        ("{{ safe_divide('null', '4') }}", None),
        (from_values(PERCENTILE.format(0.5), [9, 1, 4]), 4),
        (from_values(PERCENTILE.format(0.75), [9, 1, 4, 7]), 7.5),
        (from_values(PERCENTILE.format(0.5), ["null::integer"]), None),
        (
            SPINE.format(DAYS),
            ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"],
        ),
        (SPINE.format(NO_DAYS), None),
        ("{{ reporting_day(\"timestamptz '2026-03-01 23:59:59Z'\") }}", "2026-03-01"),
        (
            """{{ hashed_key(["'a'", "'bc'"]) }} = {{ hashed_key(["'ab'", "'c'"]) }}""",
            False,
        ),
    ],
)
def test_a_macro_gives_the_known_answer(database, expression, answer):
    assert value_of(database, expression) == answer


def test_a_change_spreads_over_the_days_around_it(database, connection):
    connection.execute(
        "insert into ops.builds (run_id, is_full_selection) "
        "values ('first', true), ('second', true)"
    )
    connection.execute(
        "insert into ops.changed (build_id, model, day) values "
        "(2, 'a', '2026-03-01'), (2, 'b', '2026-04-01'), (1, 'a', '2026-05-01')"
    )
    connection.commit()
    spread = """(
        select json_agg(around.day order by around.day)
        from ({{ changed_days_query(['a'], 1, 2) }}) as around
    )"""
    days = ["2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"]
    assert value_of(database, spread, build_id=2) == days
