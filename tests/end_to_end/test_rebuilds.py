"""What many builds made of many deliveries is what one build makes of everything."""

from orchestration.quality.missing_rates import MissingRate, find_missing_rates
from tests.end_to_end.house import morning_after


def test_incremental_builds_equal_a_rebuild(story, copy_of_story):
    built = story.house.digests()
    assert built["marts.sessions"].row_count > 500
    assert built["published_data.sessions"] == built["marts.sessions"]

    report = copy_of_story.rebuild()
    assert len(report.plan.models) > 10
    copy_of_story.publish()

    assert copy_of_story.digests() == built


def test_a_night_without_news_builds_and_changes_nothing(story, copy_of_story):
    before = copy_of_story.truth(), copy_of_story.digests()
    builds = copy_of_story.one("select count(*) from ops.builds")

    assert copy_of_story.plan().text() == "nothing to build"
    loaded = copy_of_story.load(now=morning_after(story.world))
    assert loaded.counts.record_count == 0
    assert copy_of_story.extract(sweep=True).load_id is None
    assert copy_of_story.build().build_id is None
    assert copy_of_story.publish().publication_id is None

    assert copy_of_story.one("select count(*) from ops.builds") == builds
    assert (copy_of_story.truth(), copy_of_story.digests()) == before


def test_money_without_a_rate_is_named_by_currency_and_day(copy_of_story):
    with copy_of_story.connection() as connection:
        assert find_missing_rates(connection) == []
        [(currency, day)] = connection.execute(
            """
            select currency, day from marts.revenue_totals_daily
            where basis = 'cash' and currency <> 'EUR' order by day limit 1
            """
        ).fetchall()
        connection.execute("delete from marts.exchange_rates where currency <> 'EUR'")
        missing = find_missing_rates(connection)
        assert MissingRate(currency, day) in missing
        assert {rate.currency for rate in missing} == {"IDR", "JPY"}
        assert str(MissingRate("JPY", day)) == f"JPY on {day}"
