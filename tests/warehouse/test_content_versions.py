"""Content as a site shows it, and every version of it with what changed."""

import json
import random
from datetime import datetime, timedelta

from orchestration.quality.content import content_as_of
from orchestration.quality.published_views import ensure_views, published_views
from tests.warehouse.histories import at

VIEWS = {"content", "content_versions"}
COLUMNS = ("title", "category", "state", "version", "published_at")
AS_OF = """
    select content_id, title, category, state, version, published_at
    from published.content_versions
    where valid_from <= %(at)s and coalesce(valid_to, 'infinity') > %(at)s
"""


def history(chance):
    """Versions of a few articles, one after the other, some of them withdrawn."""
    for content in range(5):
        moment = at(hours=chance.randrange(48))
        said = dict.fromkeys(COLUMNS)
        for number in range(chance.randrange(1, 6)):
            name = chance.choice(COLUMNS)
            said = said | {
                "version": number,
                name: at(hours=number)
                if name == "published_at"
                else number
                if name == "version"
                else f"{name} {number}",
            }
            ends = moment + timedelta(hours=chance.randrange(1, 48))
            is_last = chance.random() < 0.3
            yield f"c{content}", said, moment, None if is_last else ends
            if is_last:
                break
            moment = ends


def as_shown(row):
    instant = row["published_at"]
    moment = datetime.fromisoformat(instant) if instant else None
    return (row["content_id"], *(row[name] for name in COLUMNS[:-1]), moment)


def store(connection, versions):
    for content_id, said, valid_from, valid_to in versions:
        values = {
            "content_id": content_id,
            **said,
            "created_at": at(),
            "row_hash": b"",
            "valid_from": valid_from,
            "valid_to": valid_to,
            "load_id": 1,
        }
        connection.execute(
            f"insert into raw.app_content ({', '.join(values)}) "
            f"values ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
    ensure_views(connection, [v for v in published_views() if v.name in VIEWS])


def test_content_as_of_any_instant_is_what_it_was_then(connection):
    versions = list(history(random.Random(2)))
    store(connection, versions)
    for hours in range(0, 200, 5):
        moment = at(hours=hours)
        expected = {
            (content_id, *(said[name] for name in COLUMNS))
            for content_id, said, valid_from, valid_to in versions
            if valid_from <= moment and (valid_to is None or moment < valid_to)
        }
        found = connection.execute(AS_OF, {"at": moment}).fetchall()
        assert len(found) == len(set(found))
        assert set(found) == expected
        # What is printed to be put back says the same, in a text.
        printed = [
            json.loads(json.dumps(row)) for row in content_as_of(connection, moment)
        ]
        assert {as_shown(row) for row in printed} == expected
        if printed:
            first = printed[0]["content_id"]
            assert (
                list(content_as_of(connection, moment, content_id=first))
                == (printed[:1])
            )
    shown = connection.execute("select content_id from published.content").fetchall()
    assert {row[0] for row in shown} == {
        content_id
        for content_id, said, _, valid_to in versions
        if valid_to is None and said["published_at"]
    }


def test_a_version_says_what_differs_from_the_one_before(connection):
    versions = list(history(random.Random(3)))
    store(connection, versions)
    rows = connection.execute(
        "select content_id, version_number, changed_columns "
        "from published.content_versions order by content_id, version_number"
    ).fetchall()
    before, expected = {}, []
    numbers = {}
    for content_id, said, *_ in versions:
        old = before.get(content_id, dict.fromkeys(COLUMNS))
        numbers[content_id] = numbers.get(content_id, 0) + 1
        changed = [name for name in COLUMNS if said[name] != old[name]]
        expected.append((content_id, numbers[content_id], changed))
        before[content_id] = said
    assert rows == expected
