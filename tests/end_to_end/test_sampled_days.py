"""Days of long ago are looked at again: by recount, and against the marts."""

import pytest

from orchestration.quality.sampling import find_differences, sample_days


def days_of(house, **options):
    with house.connection() as connection:
        return sample_days(connection, **{"count": 99, "draw": "x", **options})


def differences(house, days):
    with house.connection() as connection:
        return find_differences(connection, house.tables(), days=days)


def test_every_day_of_a_house_is_as_it_was_built(story):
    days = days_of(story.house)
    known = story.house.rows("select distinct occurred_on from raw.events order by 1")
    assert days == [day for (day,) in known]
    assert differences(story.house, days) == []
    assert differences(story.house, []) == []


def test_draws_differ_and_each_is_the_same_again(story):
    draws = [tuple(days_of(story.house, count=3, draw=str(n))) for n in range(9)]
    assert {len(draw) for draw in draws} == {3}
    assert len(set(draws)) > 3
    assert draws[4] == tuple(days_of(story.house, count=3, draw="4"))


def test_a_day_that_waits_to_be_built_is_not_drawn(copy_of_story):
    _, second, *others = days_of(copy_of_story)
    copy_of_story.rows(
        "update ops.touched_days set settled_by = null where occurred_on = %s "
        "returning touched_id",
        (second,),
    )
    # Sessions of the day before may reach into it.
    assert days_of(copy_of_story) == others


SPOILT = {
    "published rows of sessions": """
        update published_data.sessions set view_count = view_count + 1
        where started_on = %s returning 1
    """,
    "events of the metrics of {day}": """
        update marts.metrics_daily set numerator = numerator + 1
        where metric_id = 'events' and day = %s returning 1
    """,
    "sessions of the events of {day}": """
        delete from marts.sessions where started_on = %s returning 1
    """,
}


@pytest.mark.parametrize("told", SPOILT, ids=lambda told: told.format(day="a day"))
def test_what_somebody_changed_on_an_old_day_is_found_on_that_day(told, copy_of_story):
    day, other = days_of(copy_of_story)[3:6:2]
    assert copy_of_story.rows(SPOILT[told], (day,))
    assert told.format(day=day) in differences(copy_of_story, [day])
    assert differences(copy_of_story, [other]) == []
