"""Grids, trends and lifecycles: what goes together, and where a mistake is shown."""

import pytest

from orchestration.registry.problems import RegistryError
from orchestration.registry.reading import load_registry
from tests.unit.made_registry import write_registry

GRID = """
    title: Grid
    start: {events: [{event: custom.see}]}
    return: {events: [{event: custom.see}, {event: custom.pay}]}
    """
TREND = """
    title: Trend
    events: [{event: custom.see}]
    """
LIFECYCLE = "title: Lifecycle"


def problems_of(directory, **files):
    with pytest.raises(RegistryError) as caught:
        load_registry(write_registry(directory, **files))
    return [str(problem) for problem in caught.value.problems]


def test_what_is_left_out_has_the_defaults_of_the_specification(tmp_path):
    registry = load_registry(
        write_registry(
            tmp_path, retention__a=GRID, trends__b=TREND, lifecycles__c=LIFECYCLE
        )
    )
    grid = registry.retention_grids()["a"]
    assert (grid.unit, grid.start.occurs, grid.mode) == ("person", "first_ever", "on")
    assert (grid.clock, grid.period_zero) == ("calendar", "return_after_start")
    lifecycle = registry.lifecycles()["c"]
    assert (lifecycle.new_by, lifecycle.of.activity) == ("first_activity", "any")
    assert registry.trends()["b"].when_empty == "unknown"


def test_values_become_sql_of_their_type_beside_the_predicates(tmp_path):
    grid = GRID + "measure: revenue\n    amount: {column: value_minor}\n"
    grid += "    breakdown: {property: plan}\n"
    registry = load_registry(write_registry(tmp_path, retention__a=grid))
    parts = {each.part: each.sql for each in registry.compiled if each.id == "a"}
    assert sorted(parts) == [1, 2, 500, 700]
    assert parts[500] == "(\"properties\" ->> 'plan')"
    assert parts[700] == 'CAST("value_minor" AS DECIMAL)'
    assert parts[2].count('"event_name" =') == 2


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["unit: named"], "unit_named_by: goes with unit: named, and only with it"),
        (["measure: margin"], "amount: goes with measure: revenue or margin"),
        (["brackets: [[1, 2]]"], "brackets: goes with mode: brackets"),
        (
            ["mode: brackets", "brackets: [[3, 2]]"],
            "brackets[0]: is not a first and a last period; allowed: 0 to 12",
        ),
        (
            ["clock: rolling", "period: month"],
            "period: a month has no length in hours; allowed: hour, day, week",
        ),
        (["period_length: 2"], "period_length: is of rolling periods"),
        (["timezone: Mars/Olympus"], "timezone: no time zone"),
        (
            ["measure: revenue", "amount: {column: platform}"],
            "amount.column: platform is text; allowed: a column of numbers",
        ),
        (
            ["measure: revenue", "mode: streak", "amount: {property: paid}"],
            "mode: amounts are of their own period; allowed: on, brackets",
        ),
    ],
)
def test_a_grid_whose_parts_do_not_fit_names_the_part(lines, problem, tmp_path):
    (found,) = problems_of(tmp_path, retention__a=GRID + "\n    ".join(lines))
    assert found.split(": ", 1)[1].startswith(problem)


def test_activity_knows_days_and_no_instants(tmp_path):
    grid = """
        title: Grid
        start: {activity: any}
        return: {activity: any}
        period: hour
        breakdown: {property: plan}
        """
    found = problems_of(tmp_path, retention__a=grid)
    assert [line.split(": ")[1] for line in found] == ["clock", "breakdown"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("math: sum", "value"),
        ("value: {property: price}", "value"),
        ("math: ratio", "divided_by"),
        ("percentile: 0.5", "percentile"),
        (
            "cumulative: true\n    math: ratio\n    divided_by: [{event: custom.a}]",
            "cumulative",
        ),
    ],
)
def test_a_trend_whose_parts_do_not_fit_names_the_part(more, field, tmp_path):
    found = problems_of(tmp_path, trends__b=TREND + more)
    assert [line.split(": ")[1] for line in found] == [field]


def test_a_lifecycle_by_profile_says_what_creates_one(tmp_path):
    text = LIFECYCLE + "\nnew_by: profile_creation\nperiods: [day, day]\n"
    found = problems_of(tmp_path, lifecycles__c=text)
    assert [line.split(": ")[1] for line in found] == ["profile", "periods"]


def test_an_unknown_event_of_a_grid_is_shown_where_it_stands(tmp_path):
    grid = GRID.replace("custom.pay", "app.booking_paid_twice")
    (found,) = problems_of(tmp_path, retention__a=grid)
    assert "retention/a.yml:3: return.events[1].event: no fact of the app" in found


def test_a_bad_comparison_of_a_grid_is_shown_where_it_stands(tmp_path):
    where = "{event: custom.see, where: {column: nothing, is: 1}}"
    grid = GRID.replace(
        "start: {events: [{event: custom.see}]}", f"start: {{events: [{where}]}}"
    )
    (found,) = problems_of(tmp_path, retention__a=grid)
    assert "retention/a.yml:2: start.events[0].where.column" in found
