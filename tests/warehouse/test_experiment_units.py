"""Values of units against an oracle, and what follows from them."""

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from orchestration.experiments.assignment import assign_arms
from orchestration.experiments.counts import read_counts
from orchestration.experiments.placebos import (
    Units,
    false_positives,
    split_units,
    try_placebos,
)
from orchestration.experiments.results import conclude_results, estimate_within
from orchestration.experiments.storing import analyse
from orchestration.registry.reading import load_registry
from orchestration.registry.storing import store_registry
from tests.unit.made_registry import write_registry
from tests.warehouse.histories import Event, at, build, load, table_rows
from tests.warehouse.reference_experiments import (
    EXPERIMENT,
    FUNNEL,
    PHASES,
    complete_through,
    met_units,
    named,
    statistics,
    values,
)

SUMS = (
    *("unit_count", "conversion_count", "history_unit_count"),
    *("value_sum", "value_square_sum", "denominator_sum", "denominator_square_sum"),
    *("denominator_product_sum", "covariate_sum", "covariate_square_sum"),
    *("covariate_product_sum", "history_product_sum"),
    *("denominator_covariate_sum", "history_denominator_sum"),
    *("earlier_denominator_sum", "earlier_denominator_square_sum"),
    *("earlier_denominator_value_sum", "earlier_denominator_product_sum"),
    "earlier_denominator_covariate_sum",
)
TABLES = ("marts.experiment_units", "marts.experiment_statistics")


def made(chance):
    """Draw twelve days of some devices: exposures among views, purchases, refunds."""
    events = []
    for device in range(240):
        exposed = (
            ["control", "big"]
            if device % 9 == 0
            else ["control" if device % 2 else "big"]
        )
        for number in range(chance.randint(4, 14)):
            name = chance.choice(
                ["experiment_exposure", "conversion", "page_view", "custom.refund"]
            )
            moment = at(hours=chance.randint(0, 12 * 24))
            rest: dict[str, Any] = {
                "device_id": f"d{device}",
                "browser_family": f"b{device % 2}",
            }
            if name == "experiment_exposure":
                rest["properties"] = {
                    "experiment_id": "button",
                    "variant": chance.choice(exposed),
                }
            elif name != "page_view":
                rest["value_minor"] = chance.choice([100, 250, -40, 900, None])
                rest["currency"] = chance.choice(["EUR", "EUR", "USD"])
            else:
                rest["duration_ms"] = chance.choice([None, 5, 10, 20, 40])
            events.append(Event(f"e{device}-{number}", moment, name, **rest))
    return events


def define(connection, directory, funnel=FUNNEL):
    files = {"experiments__button": EXPERIMENT, "funnels__buying": funnel}
    indented = {name: text.replace("\n", "\n        ") for name, text in files.items()}
    store_registry(connection, load_registry(write_registry(directory, **indented)))


@pytest.fixture
def events(connection, tmp_path):
    define(connection, tmp_path)
    return made(random.Random(20_261_120))


def test_units_are_valued_as_one_by_one_however_they_arrive(
    database, connection, events, tmp_path
):
    for part in (events[::3], [each for at_, each in enumerate(events) if at_ % 3]):
        load(connection, part)
        build(connection, url=database, select=["+experiment_statistics"])
    query = f"""
        select phase, metric_name, variant, dimension, dimension_value, exposed_on,
            {", ".join(SUMS)}
        from marts.experiment_statistics
        where dimension <> 'device_class' and unit_count > 0
    """
    found = {row[:6]: list(row[6:]) for row in connection.execute(query)}
    assert found == statistics(events)
    assert {key[0] for key in found} == {1, 2}
    soon = [row[1] for key, row in found.items() if key[1] == "buys_soon"]
    assert 0 < sum(soon) < sum(row[0] for row in found.values())
    piecewise = [table_rows(connection, table) for table in TABLES]
    build(connection, url=database, select=["+experiment_statistics"], is_full=True)
    assert piecewise == [table_rows(connection, table) for table in TABLES]
    check_results(connection, events)
    check_maturity(connection, events)
    check_placebos(connection)
    check_assignments(connection, events)
    check_changed_funnel(connection, tmp_path)


def check_assignments(connection, events):
    """Each unit's logged variants beside the one that it should have got."""
    logged = {
        (phase, event.device_id, event.properties["variant"])
        for event in events
        if event.event_name == "experiment_exposure"
        for phase, begins, ends in PHASES
        if begins <= event.occurred_at and (ends is None or event.occurred_at < ends)
    }
    expected = Counter()
    for phase, device, variant in logged:
        weights = {1: (1, 1), 2: (1, 3)}[phase]
        (arm,) = assign_arms("button", [device], weights=weights)
        expected[phase, variant, ("control", "big")[arm]] += 1
    rows = connection.execute(
        "select phase, variant, expected_variant, unit_count "
        "from experiments.assignments"
    ).fetchall()
    assert {row[:3]: row[3] for row in rows} == expected


def check_changed_funnel(connection, directory):
    """A funnel of other words is the same; of another window, the metric is not."""
    for old, new, has_changed in (
        ("title: Buying", "title: Bought", False),
        ("12 hours", "13 hours", True),
    ):
        define(connection, directory, FUNNEL.replace(old, new))
        (found,) = read_counts(connection, timezone="UTC")[:1]
        assert found.has_changed == has_changed


def last_units(events, variant):
    units = met_units(events)
    return [
        unit
        for (phase, _), unit in units.items()
        if phase == 2 and unit.variant == variant
    ]


def check_results(connection, events):
    """Estimates come of the units of the last phase, mature or without a window."""
    complete_through(connection, at(days=400))
    counted = read_counts(connection, timezone="UTC")
    results = {each.metric_name: each for each in conclude_results(counted)}
    for variant, side in (("control", "control_value"), ("big", "value")):
        units = last_units(events, variant)
        spent = [values(unit)["revenue"][0] for unit in units]
        assert getattr(results["revenue"], side) == pytest.approx(np.mean(spent))
        ratio = [values(unit)["views_per_purchase"] for unit in units]
        expected = sum(each[0] for each in ratio) / sum(each[1] for each in ratio)
        assert getattr(results["views_per_purchase"], side) == pytest.approx(expected)
        slow = [
            each.duration_ms
            for unit in units
            for each in named(unit, "page_view", timedelta(), None)
            if each.duration_ms is not None
        ]
        median = np.quantile(slow, 0.5, method="inverted_cdf")
        assert getattr(results["slow_page"], side) == median
    assert 0 < (results["views_per_purchase"].bias_p_value or 0) < 1
    revenue = results["revenue"]
    assert 0 < (results["buys"].chance_better or 0) < 1
    assert revenue.is_adjusted
    assert revenue.adjusted_difference != pytest.approx(revenue.difference)
    assert revenue.phase == 2
    shown = estimate_within(counted)
    assert {each.dimension for each in shown} == {"browser_family", "device_class"}
    whole = sum(
        each.unit_count for each in shown if each.dimension_value in {"b0", "b1"}
    )
    assert whole == sum(each.unit_count for each in results.values())
    assert analyse(connection, timezone="UTC")[1] > 0
    assert analyse(connection, timezone="UTC")[1] == 0


def check_maturity(connection, events):
    """Units whose window, and that of reversals, is not over are counted apart."""
    complete_through(connection, at(days=10))
    counted = read_counts(connection, timezone="UTC")
    days = {
        each.value
        for one in counted
        for each in one.splits
        if each.dimension == "exposed_on"
    }
    assert max(days) == "2026-03-10"
    results = {each.metric_name: each for each in conclude_results(counted)}
    units = [*last_units(events, "control"), *last_units(events, "big")]
    # 24 hours for buys, 48 and 24 for revenue; since the end of the day of exposure.
    for name, last_day in (("buys", 9), ("revenue", 7)):
        mature = [unit for unit in units if unit.exposed_at < at(days=last_day)]
        result = results[name]
        assert result.immature_unit_count == len(units) - len(mature)
        assert result.unit_count + result.control_unit_count == len(mature)
    assert results["slow_page"].immature_unit_count == 0
    # Whoever was exposed, until the end that it counts back from.
    assert results["late_views"].immature_unit_count == len(units)
    complete_through(connection, at(days=11))
    counted = read_counts(connection, timezone="UTC")
    results = {each.metric_name: each for each in conclude_results(counted)}
    assert results["late_views"].immature_unit_count == 0


def check_placebos(connection):
    """Of 1,000 A/A splits at .05, the 99.9 % binomial interval is 29 to 74."""
    placebo = try_placebos(connection, day=date(2026, 3, 20))
    assert placebo is not None
    assert placebo.unit_count > 150
    assert not placebo.is_alarming
    assert try_placebos(connection, day=date(2026, 3, 20)) == placebo
    rows = connection.execute(
        """
        select exposures.person_id, coalesce(units.value, 0)
        from marts.experiment_exposures as exposures
        left join marts.experiment_units as units
            on
                exposures.experiment_id = units.experiment_id
                and exposures.phase = units.phase
                and exposures.person_id = units.person_id
                and units.metric_name = %s
        where exposures.phase = 2
        """,
        ("revenue",),
    ).fetchall()
    spent = np.array([float(row[1]) for row in rows])
    ids = [row[0] for row in rows]
    nothing = np.zeros(len(ids))
    for units in (
        Units(ids, "mean", spent, nothing),
        Units(ids, "proportion", (spent != 0) * 1.0, nothing),
    ):
        splits = split_units(units, count=1_000, salt="a")
        tested, found = false_positives(splits)
        assert tested == 1_000
        assert 29 <= found <= 74
        assert splits == split_units(units, count=1_000, salt="a")
        broken = [
            each._replace(treatment=each.treatment._replace(conversion_count=0))
            for each in splits
        ]
    assert false_positives(broken)[1] > 900
