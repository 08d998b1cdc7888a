"""The SQL of an app mapping is one SELECT that only reads."""

import pytest

from orchestration.registry.app_source import AppSource, refuse_sql


@pytest.mark.parametrize(
    "text",
    [
        "select id from users",
        "with recent as (select 1 as id) select id from recent -- why",
        "select id from users union all select id from guests",
        "select '{{ x }}; %s' as text, properties ? 'a' as has_a from users",
        "select case currency when 'JPY' then 1 else 100 end::bigint from payments",
    ],
)
def test_one_select_is_accepted(text):
    assert refuse_sql(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select 1; select 2", "not one SELECT"),
        ("select 1;", "leave out the semicolon at the end"),
        ("delete from users returning id", "not one SELECT"),
        ("copy users to stdout", "not one SELECT"),
        ("set role admin", "not one SELECT"),
        ("explain analyze select 1", "not one SELECT"),
        ("values (1)", "not one SELECT"),
        ("", "not one SELECT"),
        ("-- nothing", "not one SELECT"),
        ("with a as (delete from x returning *) select * from a", "holds DELETE"),
        ("with a as (insert into x values (1) returning *) table a", "holds INSERT"),
        ("select * into stolen from users", "holds INTO"),
        ("select * from users for update", "holds LOCK"),
        ("select pg_sleep(100)", "calls pg_sleep"),
        ("select * from pg_read_file('/etc/passwd')", "calls pg_read_file"),
        ("select pg_catalog.lo_import('/etc/passwd')", "calls lo_import"),
        ("select * from dblink('x', 'y') as t(a int)", "calls dblink"),
        ("select set_config('role', 'admin', true)", "calls set_config"),
        ("select query_to_xml('delete from x', true, true, '')", "calls query_to_xml"),
        ("select * from users where id = $1", "holds a parameter"),
        ("select * from users where id = :id", "holds a parameter"),
        ("select 1) as source; drop table users; --", "not SQL that can be read"),
        ("select (" * 2000, "not SQL that can be read"),
    ],
)
def test_anything_else_is_refused(text, reason):
    assert reason in (refuse_sql(text) or "")


def test_only_canonical_tables_can_be_mapped():
    with pytest.raises(ValueError, match="'persons', 'providers'"):
        AppSource.model_validate(
            {"kind": "app_database", "tables": {"people": {"sql": "select 1"}}}
        )
