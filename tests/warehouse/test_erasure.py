"""One person goes from every place; everybody else stays as they were."""

import gzip
import shutil

import pytest

from orchestration.privacy.erasure import ErasureError
from orchestration.privacy.places import read_places
from orchestration.privacy.receipts import broken_receipts
from orchestration.warehouse.connection import connect
from orchestration.warehouse.digest import digest_table
from tests.warehouse.erasure_world import ErasureWorld
from tests.warehouse.model_digests import digest_models

# Devices, sources and dealings enough to be found everywhere: the simulated customer
# with the most events in at least two sources.
MOST_SEEN = """
    select user_id from raw.events
    where user_id in (select user_id from raw.app_bookings)
    group by user_id
    order by count(distinct source) desc, count(*) desc, user_id limit 1
"""
MONEY = (
    "select sum(amount_minor), count(*) from raw.app_payments where valid_to is null"
)
OTHERS = """
    select md5(string_agg(row_text, '' order by row_text collate "C"))
    from (
        select (events.*)::text as row_text from raw.events as events
        where not (events.event_key = any(%s))
    ) as others
"""
MINE = """
    select events.event_key from raw.events as events
    where events.user_id = %(user)s or events.user_id is null and exists (
        select from identity.device_owners as owners
        where owners.user_id = %(user)s and owners.device_id = events.device_id
            and events.occurred_at >= owners.valid_from
            and events.occurred_at < owners.valid_to
    )
"""
BEHAVIOUR = ("identity", "intermediate", "marts")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def kill_after(step):
    def after(done):
        if done == step:
            raise Killed

    return after


def digests(world):
    with connect(world.url, application_name="tests") as connection:
        return digest_models(connection, schemas=BEHAVIOUR)


def test_a_person_goes_from_every_place_and_others_stay(simulated_world, tmp_path):
    world = simulated_world
    [(user,)] = world.rows(MOST_SEEN)
    with connect(world.url, application_name="tests") as connection:
        mine = [key for (key,) in connection.execute(MINE, {"user": user})]
    others = world.rows(OTHERS, mine)
    money = world.rows(MONEY)
    originals = tmp_path / "originals"
    shutil.copytree(world.landing, originals)
    stamps = {path: path.stat().st_mtime_ns for path in world.landing.rglob("*.*")}

    # Killed after each step, it goes on where it was.
    for step in ("identify", "events", "app", "landing", "rebuild", "sweep"):
        with pytest.raises(Killed):
            world.erasure(user, after=kill_after(step)).run()
    receipt = world.erasure(user).run()

    assert receipt.body["search"]["hits"] == 0
    assert user not in str(receipt.body)
    removed = {each["place"]: each["removed"] for each in receipt.body["places"]}
    assert removed["raw.events"] == len(mine) > 0
    assert removed["segments.members"] > 0
    assert removed["landing files"] >= len(mine)
    assert world.rows(OTHERS, mine) == others
    assert world.rows(MONEY) == money
    assert world.rows("select count(*) from privacy.identifiers") == [(0,)]
    for check in ("conservation", "conservation_by_day"):
        assert {row[-1] for row in world.rows(f"select * from ops.{check}()")} == {0}
    assert {p: p.stat().st_mtime_ns for p in world.landing.rglob("*.*")} == stamps

    # What was rewritten is known, and what the app still says is not taken.
    assert world.load().states["loaded"] == 0
    assert world.extract(sweep=True).load_id is None
    assert world.extract(whole=True).load_id is None

    # The old files again: by their bytes, and packed otherwise.
    for path in sorted((originals / "web").iterdir()):
        shutil.copy2(path, world.landing / "web" / f"again-{path.name}")
        plain = world.landing / "web" / f"plain-{path.stem}"
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        shutil.copystat(path, plain)
    report = world.load()
    assert report.counts.accepted_count == 0
    assert report.counts.suppressed_count > 0
    assert world.rows(OTHERS, []) == others
    with connect(world.url, application_name="tests") as connection:
        assert broken_receipts(connection) == []


def test_marts_equal_those_of_a_world_without_the_person(simulated_world):
    world = simulated_world
    [(user,)] = world.rows(MOST_SEEN)
    world.erasure(user).run()
    erased = digests(world)

    rebuilt = ErasureWorld(world.url, None, world.home)
    with connect(world.url, application_name="tests", autocommit=True) as connection:
        connection.execute("delete from ops.models")
    rebuilt.build()
    assert digests(rebuilt) == erased

    # By the other way: the rewritten files alone give the same events.
    with connect(world.url, application_name="tests") as connection:
        kept = digest_table(connection, "raw.events", ignoring=["load_id"])
        connection.execute(
            "truncate raw.events, raw.event_keys, raw.set_aside, ops.files, "
            "ops.touched_days, ops.touched_devices"
        )
        connection.execute("update ops.loads set sha256 = null, kind = 'touch'")
    rebuilt.load()
    with connect(world.url, application_name="tests") as connection:
        assert digest_table(connection, "raw.events", ignoring=["load_id"]) == kept


def test_a_place_that_is_forgotten_fails_the_erasure(simulated_world):
    world = simulated_world
    [(user,)] = world.rows(MOST_SEEN)
    places = read_places()
    del places["raw.app_bookings"]
    with pytest.raises(ErasureError, match=r"raw\.app_bookings"):
        world.erasure(user, places=places).run()
    assert world.rows("select state from privacy.erasures") == [("failed",)]

    note = world.home / "reports" / "notes.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text(f"call {user} back")
    with connect(world.url, application_name="tests") as connection:
        connection.execute("create table public.forgotten (what bytea, who text[])")
        connection.execute(
            "insert into public.forgotten values (%s, %s)", (user.encode(), ["x", user])
        )
    with pytest.raises(ErasureError) as failure:
        world.erasure(user).run()
    assert "public.forgotten (1)" in str(failure.value)
    assert "file reports/notes.txt (1)" in str(failure.value)
    assert user not in str(failure.value)


def test_a_dry_run_counts_and_writes_nothing(simulated_world):
    world = simulated_world
    [(user,)] = world.rows(MOST_SEEN)
    before = digests(world)
    found = world.erasure(user).rehearse()
    assert found.body["places"]["raw.events"] > 0
    assert found.body["places"]["raw.app_persons"] > 0
    assert digests(world) == before
    assert world.rows("select count(*) from privacy.erasures") == [(0,)]
    assert world.rows("select count(*) from privacy.suppressions") == [(0,)]
