"""A registry is read whole, or everything wrong with it is said at once."""

from pathlib import Path

import pytest

from orchestration.registry.problems import RegistryError
from orchestration.registry.reading import load_registry
from tests.unit.made_registry import write_registry

OURS = Path(__file__).parents[2] / "registry"


def problems(directory, **changed):
    with pytest.raises(RegistryError) as caught:
        load_registry(write_registry(directory, **changed))
    return str(caught.value).splitlines()


def test_our_own_registry_is_good():
    registry = load_registry(OURS)
    assert {"acquisition", "tickets"} <= registry.funnels().keys()
    assert registry.consent().permitted([]) == []
    assert registry.defaults().days_late_allowed == 3
    assert len(registry.app_sources()["app"].tables) == 19


def test_reading_twice_gives_the_same_hash(tmp_path):
    write_registry(tmp_path)
    assert load_registry(tmp_path).hash == load_registry(tmp_path).hash


def test_comments_and_order_of_keys_do_not_change_the_hash(tmp_path):
    before = load_registry(write_registry(tmp_path / "a")).hash
    changed = """
        # A comment.
        rule: {at_least: 1, column: active_day_count_28d}
        title: Active
        """
    after = write_registry(tmp_path / "b", segments__active=changed)
    assert load_registry(after).hash == before


def test_everything_wrong_is_said_at_once(tmp_path):
    found = problems(
        tmp_path,
        consent=None,
        metrics="""
            sessions:
              title: Sessions
              unit: percent
              formula: sessions by started_on
              tested_by: [tests/a.py]
            """,
        funnels__booking="""
            title: Booking
            window: 14
            steps:
              - name: Visit
                events:
                  - event: page_view
              - name: request
                events:
                  - event: booking_attempt
                    where: {column: plattform, is: web}
            """,
        segments__active="""
            title: Active
            rule:
              all:
                - {column: active_day_count_28d, at_least: many}
                - {segment: loyal}
            """,
        reports__daily="""
            title: Daily
            cron: 30 25 * * *
            formats: [pdf]
            metrics: [sesions]
            """,
        funels__x="title: x",
    )
    assert [line.split("; allowed: ")[0] for line in found] == [
        "consent.yml:1: is missing",
        "funels/x.yml:1: nothing reads this file",
        "funnels/booking.yml:2: window: not a length of time up to 366 days",
        "funnels/booking.yml:4: steps[0].name: is not a name",
        "metrics.yml:1: sessions.description: is missing",
        "metrics.yml:1: sessions.owner: is missing",
        "metrics.yml:3: sessions.unit: is not one of the words",
        "metrics.yml:5: sessions.tested_by[0]: is not a name",
        "reports/daily.yml:2: cron: not a cron line",
        "reports/daily.yml:3: formats[0]: is not one of the words",
        "segments/active.yml:4: rule.all[0].at_least: str does not fit integer",
    ]


def test_a_problem_says_what_is_allowed(tmp_path):
    found = problems(
        tmp_path,
        funnels__booking="""
            title: Booking
            window: a fortnight
            unit: people
            steps: []
            """,
    )
    assert found == [
        "funnels/booking.yml:2: window: not a length of time up to 366 days; "
        "allowed: 30 seconds, 5 minutes, 2 hours, 14 days, 1 week",
        "funnels/booking.yml:3: unit: is not one of the words; "
        "allowed: person, session, account",
        "funnels/booking.yml:4: steps: list should have at least 1 item after "
        "validation, not 0",
    ]


def test_fields_inside_predicates_are_named_too(tmp_path):
    rule = "title: A\nrule:\n  any:\n    - not: {column: role, is: x, uh: 1}\n"
    assert problems(tmp_path, segments__active=rule) == [
        "segments/active.yml:4: rule.any[0].not.uh: is not known here; allowed: "
        "column, property, is, one_of, above, at_least, below, at_most, contains, "
        "starts_with, exists"
    ]


def test_names_that_nobody_defines_are_found_across_files(tmp_path):
    found = problems(
        tmp_path,
        reports__daily="""
            title: Daily
            cron: 30 6 * * *
            formats: [html]
            metrics: [sesions]
            """,
        segments__active="title: A\nrule: {segment: loyal}\n",
        segments__young="title: Y\nrule: {not: {segment: young}}\n",
    )
    assert found == [
        "reports/daily.yml:4: metrics[0]: no metric is called 'sesions'; "
        "allowed: sessions",
        "segments/active.yml:2: rule.segment: no segment is called 'loyal'; "
        "allowed: active, young",
        "segments/young.yml:2: rule.not.segment: goes round: young > young",
    ]


def test_an_event_without_contract_is_found_once_contracts_exist(tmp_path):
    write_registry(tmp_path, contracts__page_view="title: x")
    with pytest.raises(RegistryError) as caught:
        load_registry(tmp_path)
    assert "steps[1].events[0].event: no contract is called 'booking_attempt'" in str(
        caught.value
    )


def test_a_condition_that_cannot_be_compiled_is_found_at_its_line(tmp_path):
    found = problems(
        tmp_path,
        funnels__booking="""
            title: Booking
            steps:
              - name: visit
                events:
                  - event: page_view
              - name: request
                events:
                  - event: page_view
                  - event: booking_attempt
                    where:
                      any:
                        - {property: plan, is: pro}
                        - {column: value_minor, above: lots}
            """,
    )
    assert found == [
        "funnels/booking.yml:13: steps[1].events[1].where.any[1].above: "
        "str does not fit integer; allowed: int"
    ]
