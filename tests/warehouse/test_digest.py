"""A digest says whether two tables hold the same rows."""

import pytest

from orchestration.warehouse.digest import digest_table


@pytest.fixture
def tables(connection):
    connection.execute(
        "create table a (id integer, price numeric, tags text[], at timestamptz)"
    )
    connection.execute(
        "insert into a select n, n / 3.0, array['x', null], 'epoch'"
        " from generate_series(1, 1000) as n"
    )
    connection.execute(
        "create table b"
        " (at timestamptz, tags text[], gone text, price numeric, id integer)"
    )
    connection.execute("alter table b drop column gone")
    connection.execute(
        "insert into b select at, tags, price, id from a order by md5(id::text)"
    )
    return connection


def test_order_of_rows_and_columns_and_session_do_not_matter(tables):
    first = digest_table(tables, "public.a")
    tables.execute("set timezone = 'Asia/Kolkata'")
    tables.execute("set datestyle = 'German'")
    assert digest_table(tables, "public.b") == first
    assert first.row_count == 1000


@pytest.mark.parametrize(
    "change",
    [
        "update b set price = price + 0.0001 where id = 7",
        "update b set tags = array['x', ''] where id = 7",
        "delete from b where id = 7",
        "insert into b select * from b where id = 7",
        "update b set id = 8 where id = 7",
    ],
)
def test_any_change_of_a_row_matters(tables, change):
    tables.execute(change)
    assert (
        digest_table(tables, "public.b").hash != digest_table(tables, "public.a").hash
    )


def test_ignored_columns_do_not_matter_and_must_exist(tables):
    tables.execute("update b set price = 0")
    assert digest_table(tables, "public.a", ignoring=["price"]) == digest_table(
        tables, "public.b", ignoring=["price"]
    )
    with pytest.raises(ValueError, match="no column"):
        digest_table(tables, "public.a", ignoring=["prices"])


def test_an_empty_table_has_a_digest(tables):
    assert digest_table(tables, "public.a", where="false").row_count == 0
