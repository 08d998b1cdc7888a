"""Readers never see half a publication, and publishers never trip over each other."""

import threading

import pytest

from orchestration.quality.publishing import StalePublicationError
from orchestration.warehouse.connection import connect
from tests.warehouse.made_marts import (
    build,
    make_marts,
    publish_all,
    seen,
)

PLACES = [f"p{number}" for number in range(50)]

# Every publication writes its number to every row of two days and to the other table.
TORN = """
    select count(*), min(number), max(number)
    from (
        select visits as number from published.daily
        union all
        select title::bigint from published.places
    ) as numbers
"""


def write_number(url, connection, number):
    with connection.transaction():
        connection.execute("delete from marts.places")
        connection.execute(
            "insert into marts.places select unnest(%s::text[]), %s",
            (PLACES, str(number)),
        )
    visits = [(which, place, number) for which in (1, 2) for place in PLACES]
    return build(url, connection, visits=visits)


def read_until(url, over, wanted, results):
    with connect(url, application_name="reader", autocommit=True) as reader:
        while not over.is_set() or len(results) < wanted:
            results.append(reader.execute(TORN).fetchone())


@pytest.mark.parametrize(
    ("publications", "reads"),
    [
        pytest.param(20, 500, id="short"),
        pytest.param(200, 20_000, id="long", marks=pytest.mark.long),
    ],
)
def test_no_read_is_torn_during_publications(publications, reads, database, connection):
    make_marts(connection)
    write_number(database, connection, 0)
    publish_all(connection)
    over = threading.Event()
    results = [[] for _ in range(2)]
    readers = [
        threading.Thread(target=read_until, args=(database, over, reads // 2, found))
        for found in results
    ]
    for reader in readers:
        reader.start()
    for number in range(1, publications + 1):
        write_number(database, connection, number)
        publish_all(connection)
    over.set()
    for reader in readers:
        reader.join()
    found = [result for each in results for result in each]
    assert len(found) >= reads
    assert [result for result in found if result[0] != 150] == []
    assert [result for result in found if result[1] != result[2]] == []
    # The readers really read while rows were changing.
    assert len({result[1] for result in found}) > publications // 4


def test_a_snapshot_held_across_a_publication_stays_whole(database, connection):
    make_marts(connection)
    write_number(database, connection, 1)
    publish_all(connection)
    with connect(database, application_name="reader") as reader:
        reader.execute("set transaction isolation level repeatable read")
        before = reader.execute(TORN).fetchone()
        write_number(database, connection, 2)
        publish_all(connection)
        assert reader.execute(TORN).fetchone() == before == (150, 1, 1)


@pytest.mark.parametrize("race", range(5))
def test_racing_publishers_publish_once(race, database, connection):
    make_marts(connection)
    build_id = write_number(database, connection, race)
    barrier = threading.Barrier(3)
    outcomes = []

    def publish_at_once():
        with connect(database, application_name="publisher") as mine:
            barrier.wait()
            outcomes.append(publish_all(mine, build_id=build_id))

    publishers = [threading.Thread(target=publish_at_once) for _ in range(3)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert len(outcomes) == 3
    assert sum(outcome.publication_id is not None for outcome in outcomes) == 1
    assert seen(connection, TORN) == [(150, race, race)]


def test_a_publisher_that_waited_for_a_takeover_finds_itself_stale(
    database, connection
):
    make_marts(connection)
    stale = write_number(database, connection, 1)
    outcomes = []

    def publish_stale():
        with connect(database, application_name="publisher") as mine:
            try:
                outcomes.append(publish_all(mine, build_id=stale))
            except StalePublicationError as error:
                outcomes.append(error)

    with connect(database, application_name="taker") as taker:
        taker.execute(
            "insert into ops.builds (run_id, is_full_selection) values ('b', true)"
        )
        taker.execute("update ops.current_build set build_id = build_id + 1")
        publisher = threading.Thread(target=publish_stale)
        publisher.start()
        publisher.join(timeout=0.3)
        assert outcomes == []
    publisher.join()
    assert isinstance(outcomes[0], StalePublicationError)
    with connection.transaction():
        query = "select to_regclass('published.daily')"
        assert connection.execute(query).fetchone() == (None,)


def test_a_takeover_waits_for_the_publication_in_flight(database, connection):
    make_marts(connection)
    write_number(database, connection, 1)
    publish_all(connection)
    with connect(database, application_name="publisher") as slow:
        slow.execute("select build_id from ops.current_build for share")
        begun = threading.Thread(target=write_number, args=(database, connection, 2))
        begun.start()
        begun.join(timeout=0.5)
        assert begun.is_alive()
    begun.join()
