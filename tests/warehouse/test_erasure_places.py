"""What holds something of a person is classified; the search knows every spelling."""

import json

from orchestration.privacy.needles import Needles
from orchestration.privacy.places import read_places, unclassified_columns
from orchestration.privacy.receipts import broken_receipts, issue_receipt
from orchestration.privacy.warehouse_search import search_database


def test_every_column_of_raw_and_identity_is_classified(connection):
    assert unclassified_columns(connection, read_places()) == []


def test_a_new_column_must_be_classified(connection):
    connection.execute("alter table raw.app_reviews add column words text")
    connection.execute("create schema marts create table guests (name text)")
    assert unclassified_columns(connection, read_places()) == [
        "marts.guests.name",
        "raw.app_reviews.words",
    ]


def test_every_place_that_names_a_person_says_what_an_erasure_does():
    silent = [
        place.name
        for place in read_places().values()
        if {"user_id", "sender_id", "recipient_id"} & set(place.columns)
        and not (place.delete or place.rename)
        # Deleted by what the evidence says, and rebuilt from it.
        and place.name
        not in {
            "raw.events",
            "identity.evidence",
            "identity.device_owners",
            "identity.excluded_accounts",
        }
    ]
    assert silent == []


NAMES = [
    "user-4711-anna",
    "usr_0042",
    "Ünïcøde-用户",
    'o"brien\\x',
    "a'b; drop table x; --",
    "tab\there.and(regex)*+?[x]{2}|^$",
    "42",
]


def test_an_identifier_is_found_wherever_it_stands(connection):
    connection.execute(
        "create table public.rows"
        " (user_id text, inside jsonb, several text[], raw bytea)"
    )
    for name in NAMES:
        text = f'{{"user_id": {json.dumps(name)}, "z": "ä\\u0001"}}'
        values = {
            "user_id": name,
            "inside": text,
            "several": ["x", name],
            "raw": text.encode(),
        }
        for column, value in values.items():
            with connection.transaction(force_rollback=True):
                connection.execute(
                    f"insert into public.rows ({column}) values (%s)", (value,)
                )
                found = search_database(connection, Needles([name])).hits
            # A short one in a list has no key that says what it is.
            is_hidden = (name, column) == ("42", "several")
            assert found == ({} if is_hidden else {"public.rows": 1}), (name, column)


def test_a_part_of_another_name_is_not_found(connection):
    connection.execute("create table public.rows (who text, what jsonb)")
    connection.execute(
        """insert into public.rows values ('usr_00421', '{"user_id": "421"}')"""
    )
    connection.execute("""insert into public.rows values ('x', '{"bytes": 42}')""")
    assert search_database(connection, Needles(["usr_0042", "42"])).hits == {}
    assert not Needles(["usr_0042"]).are_in(b"usr_00421 my-usr_0042")
    assert Needles(["usr_0042"]).are_in(b"/people/usr_0042?x")


def test_a_word_of_our_own_is_the_person_only_beside_a_key(connection):
    connection.execute("create table public.rows (user_id text, told text)")
    connection.execute("insert into public.rows values ('u1', 'nobody came')")
    assert search_database(connection, Needles(["nobody"])).hits == {}
    assert search_database(connection, Needles(["nobodi"])).hits == {}
    connection.execute("insert into public.rows values ('nobody', 'to the occasion')")
    assert search_database(connection, Needles(["nobody"])).hits == {"public.rows": 1}
    assert not Needles(["nobody"]).are_in(b"-- nobody reads this model")
    assert Needles(["nobody"]).are_in(b'{"user_id": "nobody"}')
    assert Needles(["nobodi"]).are_in(b"-- nobodi reads this model")


def test_a_receipt_that_was_changed_or_taken_is_found(connection):
    for number in (1, 2, 3):
        connection.execute(
            "insert into privacy.erasures (subject_hash, reason) values (%s, 'x')",
            (bytes([number]),),
        )
        issue_receipt(connection, erasure_id=number, body={"hits": 0, "n": number})
    assert broken_receipts(connection) == []
    connection.execute("alter table privacy.receipts disable trigger all")
    with connection.transaction(force_rollback=True):
        connection.execute(
            """update privacy.receipts set body = '{"hits": 1}' where receipt_id = 2"""
        )
        assert broken_receipts(connection) == [2]
    connection.execute("delete from privacy.receipts where receipt_id = 2")
    assert broken_receipts(connection) == [3]
