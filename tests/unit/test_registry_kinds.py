"""What each kind of definition refuses, and what may not change any more."""

import datetime as dt

import pytest

from orchestration.registry.policies import Retention
from orchestration.registry.problems import RegistryError
from orchestration.registry.reading import load_registry
from orchestration.registry.transitions import refuse_transitions
from tests.unit.made_registry import FILES, write_registry


def problems(directory, **changed):
    with pytest.raises(RegistryError) as caught:
        load_registry(write_registry(directory, **changed))
    return str(caught.value)


EARLY_PHASE = "[{starts_at: 2026-01-04T00:00:00Z, weights: [1, 1]}]"
SHORT_PHASE = "[{starts_at: 2026-01-09T00:00:00Z, weights: [1, 1, 1]}]"
PHASE = "{starts_at: 2026-01-09T00:00:00Z, weights: [1, 3]}"
LATER_PHASE = "{starts_at: 2026-01-19T00:00:00Z, weights: [2, 3]}"


def with_phases(*phases):
    listed = f"state: RUNNING\n        phases: [{', '.join(phases)}]"
    return experiment(("state: RUNNING", listed))


def experiment(*changes):
    text = FILES["experiments/button.yml"]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("variant: treatment", "variant: control"), "variant named twice: control"),
        (
            ("name: booked", "name: booked\n            role: secondary"),
            "no metric has",
        ),
        (
            ("starts_at: 2026-01-05T00:00:00Z\n", "\n"),
            "has left DRAFT without starts_at",
        ),
        (("T00:00:00Z", "T00:00:00"), "an instant without zone"),
        (
            ("starts_at:", "ends_at: 2026-01-01T00:00:00Z\n        starts_at:"),
            "is not after",
        ),
        (("starts_at:", "decision: fixed\n        starts_at:"), "needs ends_at"),
        (
            ("variant: treatment", "{variant: b, weight: 0}"),
            "the control and a treatment need a weight above 0",
        ),
        (
            ("variant: treatment", "{variant: b, weight: -1}"),
            "greater than or equal to 0",
        ),
        (
            ("name: booked", "name: booked\n            role: guardrail"),
            "margin, a difference of rates, belongs to every guardrail alone",
        ),
        (
            ("name: booked", "name: booked\n            margin: 0.01"),
            "belongs to every guardrail alone",
        ),
        (
            ("state: RUNNING", "state: RUNNING\n        family: [other]"),
            "family holds every primary metric, and no guardrail",
        ),
        (
            ("state: RUNNING", "state: RUNNING\n        family: [booked, booked]"),
            "metric of the family named twice: booked",
        ),
        (
            ("state: RUNNING", "state: RUNNING\n        correction: none"),
            "holm, benjamini_hochberg",
        ),
        (("state: RUNNING", "state: running"), "DRAFT, RUNNING, PAUSED, COMPLETED"),
        (("state: RUNNING", "state: RUNNING\n        alpha: 1.0"), "less than 1"),
        (
            ("state: RUNNING", f"state: RUNNING\n        phases: {EARLY_PHASE}"),
            "phases do not follow starts_at",
        ),
        (
            ("state: RUNNING", f"state: RUNNING\n        phases: {SHORT_PHASE}"),
            "weights of a phase are those of all arms",
        ),
        (
            ("state: RUNNING", "state: RUNNING\n        enrols_until: 2026-01-05"),
            "enrols_until",
        ),
        *(
            (
                ("state: RUNNING", f"state: RUNNING\n        enrols_until: {given}"),
                expected,
            )
            for given, expected in (
                ("2026-01-05T00:00:00Z", "is not after the last phase began"),
                ("2026-01-06T00:00:00Z", "asks every metric for within_hours"),
            )
        ),
        *(
            (("name: booked", f"name: booked\n            {given}"), expected)
            for given, expected in (
                ("type: ratio", "divided_by: missing, or does not go with type ratio"),
                ("quantile: 0.5", "does not go with type proportion"),
                ("value: {column: duration_ms}", "a proportion has no value"),
                (
                    "type: mean\n            value: {column: value_minor}",
                    "goes with column: value_minor",
                ),
                ("reversal_hours: 3", "does not go with reversed_by"),
                ("after_hours: 24", "need within_hours"),
                (
                    "after_hours: 24\n            within_hours: 24",
                    "is not before within_hours",
                ),
                ("lookback_hours: 24", "lookback_hours count back from it"),
                ("funnel: booking", "name events, or a funnel"),
                ("step: request", "goes with a funnel"),
                (
                    "lookback_hours: 24\n            within_hours: 24",
                    "is instead of within_hours",
                ),
                (
                    "type: mean\n            cap: {value: 3, quantile: 0.9}",
                    "name a value, or a quantile",
                ),
                (
                    "type: mean\n            cap: {quantile: 0.9}",
                    "a quantile is frozen_on a day",
                ),
            )
        ),
    ],
)
def test_an_experiment_that_does_not_hang_together_is_refused(
    tmp_path, change, expected
):
    found = problems(tmp_path, experiments__button=experiment(change))
    assert expected in found
    assert found.startswith("experiments/button.yml:")


EVENTS = "events:\n              - event: booking_attempt"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("funnel: bookings", "no funnel is called 'bookings'; allowed: booking"),
        (
            "funnel: booking\n            step: pay",
            "'pay' is no required step of an order; allowed: visit, request",
        ),
        ("funnel: booking\n            type: mean", "type: does not go with a funnel"),
        (
            "funnel: booking\n            covariate: before_exposure",
            "does not go with a funnel",
        ),
    ],
)
def test_a_funnel_that_no_metric_can_rest_on_is_refused(tmp_path, named, expected):
    text = experiment((EVENTS, named))
    assert expected in problems(tmp_path, experiments__button=text)


def test_a_funnel_of_sessions_is_no_metric_of_persons(tmp_path):
    text = experiment((EVENTS, "funnel: booking"))
    load_registry(write_registry(tmp_path, experiments__button=text))
    of_sessions = FILES["funnels/booking.yml"].replace(
        "title:", "unit: session\n        title:"
    )
    found = problems(tmp_path, experiments__button=text, funnels__booking=of_sessions)
    assert "counts what is no person" in found


@pytest.mark.parametrize("cron", ["30 6 * * *", "*/15 0-5,22 1 1-12/2 7"])
def test_a_cron_line_is_accepted(tmp_path, cron):
    text = FILES["reports/daily.yml"].replace("30 6 * * *", f"'{cron}'")
    load_registry(write_registry(tmp_path, reports__daily=text))


@pytest.mark.parametrize(
    "cron",
    ["@daily", "60 6 * * *", "30 6 * *", "30 6 * * 8", "30 6 0 * *", "30  6 * * *"],
)
def test_what_is_no_cron_line_is_refused(tmp_path, cron):
    text = FILES["reports/daily.yml"].replace("30 6 * * *", f"'{cron}'")
    assert "not a cron line" in problems(tmp_path, reports__daily=text)


def test_a_purpose_without_consent_needs_another_basis(tmp_path):
    consent = load_registry(write_registry(tmp_path)).consent()
    assert consent.permitted([]) == ["accounting"]
    assert consent.permitted(["analytics", "unheard_of"]) == ["accounting", "analytics"]


def test_retention_counts_back_from_today():
    retention = Retention.model_validate(
        {"classes": [{"data_class": "raw_events", "days": 365, "reason": "a year"}]}
    )
    today = dt.date(2026, 3, 1)
    assert retention.floor("raw_events", today=today) == dt.date(2025, 3, 1)
    assert retention.floor("backups", today=today) is None


def transitions(directory, *, before, after):
    """Return what is refused when the experiment changes from one text to the other."""
    write_registry(directory / "before", experiments__button=before)
    write_registry(directory / "after", experiments__button=after)
    bodies = {
        (entry.kind, entry.id): entry.body
        for entry in load_registry(directory / "before").entries
    }
    found = refuse_transitions(load_registry(directory / "after"), bodies)
    return [str(problem) for problem in found]


RUNNING = FILES["experiments/button.yml"]
END_DECIDES = experiment(
    (
        "state: RUNNING",
        "state: RUNNING\n        decision: fixed\n"
        "        ends_at: 2026-02-01T00:00:00Z",
    )
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (RUNNING, RUNNING, []),
        (RUNNING, experiment(("RUNNING", "PAUSED")), []),
        (experiment(("RUNNING", "DRAFT")), experiment(("treatment", "other")), []),
        (
            RUNNING,
            experiment(("RUNNING", "DRAFT")),
            [
                "experiments/button.yml:2: state: was RUNNING and cannot become DRAFT; "
                "allowed: RUNNING, PAUSED, COMPLETED"
            ],
        ),
        (
            RUNNING,
            experiment(("variant: treatment", "variant: other")),
            [
                "experiments/button.yml:4: arms: cannot change once the experiment has "
                "left DRAFT; allowed: a new experiment"
            ],
        ),
        *(
            (
                RUNNING,
                experiment(
                    ("state: RUNNING", f"state: RUNNING\n        {field}: {new}")
                ),
                [
                    f"experiments/button.yml:3: {field}: cannot change once the "
                    "experiment has left DRAFT; allowed: a new experiment"
                ],
            )
            for field, new in (
                ("expected_units", "9000"),
                ("family", "[booked]"),
                ("correction", "benjamini_hochberg"),
                ("minimum_days", "7"),
            )
        ),
        (with_phases(PHASE), with_phases(PHASE, LATER_PHASE), []),
        (
            with_phases(PHASE),
            with_phases(LATER_PHASE),
            [
                "experiments/button.yml:3: phases: cannot change once the experiment "
                "has left DRAFT; allowed: further phases"
            ],
        ),
        (
            END_DECIDES,
            END_DECIDES.replace("2026-02-01", "2026-03-01"),
            [
                "experiments/button.yml:4: ends_at: cannot change once the experiment "
                "has left DRAFT; allowed: a new experiment"
            ],
        ),
        (
            RUNNING,
            None,
            [
                "experiments/button.yml:1: was RUNNING and cannot be deleted; "
                "allowed: state: COMPLETED"
            ],
        ),
    ],
)
def test_an_experiment_that_left_draft_keeps_its_terms(
    tmp_path, before, after, expected
):
    assert transitions(tmp_path, before=before, after=after) == expected


def test_fields_that_came_later_leave_older_definitions_as_they_were(tmp_path):
    """Or every experiment would seem changed while it runs, by a new release alone."""
    registry = load_registry(write_registry(tmp_path))
    body = registry.entry("experiment", "button").body
    assert set(body) == {
        *("title", "hypothesis", "state", "unit", "starts_at", "arms", "metrics"),
        *("decision", "alpha", "expected_units", "correction"),
        *("minimum_units", "minimum_conversions", "minimum_days"),
    }
    assert set(body["metrics"][0]) == {"name", "role", "better", "events"}
