"""What persons did, what was done to occasions, and the score, counted as by hand."""

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.warehouse.engaged_world import OCCASIONS, WATERMARK
from tests.warehouse.reference_engagement import (
    RULES,
    activity,
    counted_class,
    events_by_person,
    exceptions,
    seconds_by_person,
)

EXPONENTS = {"EUR": 2, "JPY": 0}
USER_COLUMNS = (
    "id user_id total_events total_sessions total_page_views total_clicks "
    "total_conversions total_conversion_value avg_session_duration last_activity "
    "first_activity"
)
OCCASION_COLUMNS = (
    "id event_id total_views total_interactions total_likes total_shares "
    "total_bookmarks total_conversions total_conversion_value engagement_rate "
    "last_interaction first_interaction"
)


def values_of(events):
    """Return the value by currency, and the one amount there is, if there is one."""
    totals = Counter()
    for event in events:
        if event.event_name == "conversion":
            totals[event.currency] += event.value_minor or 0
    if not totals:
        return {}, 0
    if len(totals) > 1:
        return dict(totals), None
    ((currency, minor),) = totals.items()
    return dict(totals), Decimal(minor).scaleb(-EXPONENTS[currency])


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        ("user_engagement_metrics", USER_COLUMNS),
        ("event_engagement_metrics", OCCASION_COLUMNS),
    ],
)
def test_the_columns_of_the_old_tables_come_first(engaged, view, columns):
    row = engaged.rows(f"select * from published.{view} limit 1")[0]
    known = columns.split()
    assert list(vars(row))[: len(known)] == known


def test_the_engagement_of_every_person_equals_brute_force(engaged):
    rows = engaged.rows("select * from published.user_engagement_metrics")
    classes = exceptions(engaged.events)
    persons = events_by_person(engaged.events)
    seconds = seconds_by_person(engaged.events)
    assert {row.id.hex for row in rows} == persons.keys()
    for row in rows:
        events = persons[row.id.hex]
        kinds = Counter(counted_class(event, classes) for event in events)
        mine = [event.occurred_at for event in events if event.is_interactive]
        lasted = seconds.get(row.id.hex, [])
        values, value = values_of(events)
        assert row.total_events == len(events) - kinds["double_view"]
        assert row.total_sessions == len(lasted)
        assert row.total_page_views == kinds["view"]
        assert row.total_clicks == sum(item.event_name == "click" for item in events)
        assert row.total_conversions == kinds["conversion"]
        assert row.conversion_values_minor == values
        assert row.total_conversion_value == value
        if lasted:
            average = Decimal(sum(lasted)) / len(lasted)
            assert abs(row.avg_session_duration - average) <= Decimal("0.5")
        assert row.last_activity == max(mine, default=None)
        assert row.first_activity == min(mine, default=None)
        assert row.data_complete_through == WATERMARK
    assert any(row.user_id is None for row in rows)


def test_the_engagement_of_every_occasion_equals_brute_force(engaged):
    rows = engaged.rows("select * from published.event_engagement_metrics")
    classes = exceptions(engaged.events)
    done = [
        (person, event, activity(event, classes), counted_class(event, classes))
        for person, events in events_by_person(engaged.events).items()
        for event in events
        if event.occasion_id
    ]
    assert {row.event_id for row in rows} == {
        event.occasion_id for _, event, *_ in done
    }
    for row in rows:
        mine = [each for each in done if each[1].occasion_id == row.event_id]
        views = [
            each for each in mine if each[3] == "view" or each[2] == "interaction.view"
        ]
        acts = [
            each
            for each in mine
            if each[3] in {"interaction", "conversion"}
            and each[2] != "interaction.view"
        ]
        viewers = {person for person, *_ in views}
        engaged_viewers = viewers & {person for person, *_ in acts}
        moments = [event.occurred_at for _, event, *_ in acts]
        names = Counter(each[2] for each in mine)
        assert row.total_views == len(views)
        assert row.total_interactions == len(acts)
        assert row.total_likes == names["interaction.like"]
        assert row.total_conversions == names["conversion"]
        assert row.viewer_count == len(viewers)
        assert 0 <= row.engagement_rate <= 100
        rate = Decimal(100 * len(engaged_viewers)) / len(viewers)
        assert row.engagement_rate == pytest.approx(rate)
        assert row.interactions_per_view == pytest.approx(
            Decimal(len(acts)) / len(views)
        )
        assert row.last_interaction == max(moments, default=None)
        assert row.first_interaction == min(moments, default=None)
        assert row.total_conversion_value == values_of([each[1] for each in mine])[1]
        assert row.is_known_occasion == (row.event_id in OCCASIONS)
    assert {row.is_known_occasion for row in rows} == {True, False}


def test_the_score_of_every_person_equals_brute_force(engaged):
    weights = RULES["score"]["weights"]
    half_life = RULES["score"]["half_life_days"]
    classes = exceptions(engaged.events)
    expected = Counter()
    for person, events in events_by_person(engaged.events).items():
        for event in events:
            age = (WATERMARK.date() - event.occurred_on).days
            weight = weights.get(activity(event, classes), 0)
            if weight and age >= 0:
                expected[person] += weight * 0.5 ** (age / half_life)
    rows = engaged.rows("select * from published.engagement_scores")
    assert {row.person_id: float(row.score) for row in rows} == pytest.approx(expected)
    assert {row.scored_on for row in rows} == {WATERMARK.date()}
    parts = engaged.rows(
        "select person_id, sum(points) as points "
        "from published.engagement_components group by 1"
    )
    assert {row.person_id: row.points for row in parts if row.points} == {
        row.person_id: row.score for row in rows
    }


SCORE = "select coalesce(max(score), 0) from published.engagement_scores"
DO = (
    "insert into published_data.person_events_daily (day, person_id, activity, "
    "event_class, occasion_id, currency, event_count, value_minor) "
    "values (%s, 'p', %s, 'any', %s, '', %s, 0)"
)
WATCH = (
    "update published.status set watermarks = watermarks "
    "|| jsonb_build_object('person_events_daily', %s::text)"
)


@pytest.fixture
def alone(engaged):
    """The views with nobody in them, put back at the end."""
    with engaged.connection.transaction(force_rollback=True):
        engaged.connection.execute("delete from published_data.person_events_daily")
        yield engaged.connection


@pytest.mark.parametrize("seed", range(5))
def test_activity_never_lowers_a_score_and_silence_decays_it(alone, seed):
    chance = random.Random(seed)

    def score():
        return alone.execute(SCORE).fetchone()[0]

    now, before = WATERMARK, score()
    for step in range(25):
        age = chance.randrange(60)
        name = chance.choice(["page_view", "interaction.like", "impression", "unheard"])
        day = now.date() - timedelta(days=age)
        alone.execute(DO, (day, name, str(step), chance.randrange(1, 9)))
        after = score()
        has_weight = name in {"page_view", "interaction.like"}
        assert after > before if has_weight else after == before
        silence = chance.choice([0, 1, 3])
        now += timedelta(days=silence)
        alone.execute(WATCH, (now.isoformat(),))
        before = score()
        assert before < after if silence and after else before == after


def test_what_happened_after_the_watermark_does_not_count_yet(alone):
    tomorrow = WATERMARK + timedelta(days=1)
    alone.execute(DO, (tomorrow.date(), "page_view", "", 3))
    assert alone.execute(SCORE).fetchone() == (0,)
    alone.execute(WATCH, (tomorrow.isoformat(),))
    assert alone.execute(SCORE).fetchone() == (3,)
