"""One funnel changed is one funnel made anew: the others are not written again."""

import random

import pytest
from dbt.cli.main import dbtRunner

from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.funnel_hashes import funnel_definitions
from orchestration.transform.plan import plan_build
from tests.warehouse.definitions_of_funnels import define_funnels, funnel, step
from tests.warehouse.histories import build as build_all
from tests.warehouse.histories import load, manifest_of, point_dbt_at, table_rows
from tests.warehouse.test_models_funnels import FUNNELS, MODELS, TABLES, history

STORED = ("intermediate.int_funnel_persons", *TABLES)

# What is done to them: a window, steps, how rows are found, gone, new.
CHANGED = {
    "tried": FUNNELS["tried"] | {"window": "3 days"},
    "plain": funnel("page_view", "scroll", "conversion"),
    "one_listing": funnel("page_view", "click", ordering="any_order"),
    "a_new_one": funnel("click", step("again", "click")),
}
GONE = "in_sequence"
KEPT = FUNNELS.keys() - CHANGED.keys() - {GONE}


def build(connection, url):
    """Run the funnels' part of a build, with what the registry says by now."""
    definitions = funnel_definitions(connection)
    plan = plan_build(connection, definitions)
    connection.commit()
    begun = begin_build(url, request=Request("test"), definitions=definitions)
    point_dbt_at(url)
    select = [argument for model in MODELS for argument in ("--select", model)]
    with begun.told_to_dbt():
        made = dbtRunner(manifest=manifest_of(url)).invoke(["run", "--quiet", *select])
    assert made.success
    finish_build(begun)
    return plan


def written(connection, funnel_ids):
    """Return the stored rows of funnels with who wrote them."""
    rows = connection.execute(
        "select funnel_id, unit_id, entered_on, xmin::text, ctid::text "
        "from marts.funnel_attempts where funnel_id = any(%s) order by 1, 2, 3, 5",
        (list(funnel_ids),),
    ).fetchall()
    connection.commit()
    return rows


@pytest.fixture
def changed(database, connection):
    define_funnels(connection, FUNNELS)
    load(connection, history(random.Random(5)))
    build(connection, database)
    before = written(connection, KEPT)
    kept = {id_: body for id_, body in FUNNELS.items() if id_ != GONE}
    define_funnels(connection, kept | CHANGED)
    return build(connection, database), before


def test_a_changed_funnel_alone_is_made_anew_and_right(changed, database, connection):
    plan, before = changed
    assert before
    assert written(connection, KEPT) == before
    said = "its definition changed"
    assert plan.models == {
        "rows of funnel a_new_one": "new",
        "funnel a_new_one": "new",
        "funnel tried": said,
        "rows of funnel one_listing": said,
        "funnel one_listing": said,
        "rows of funnel plain": said,
        "funnel plain": said,
        "funnel in_sequence": "it is gone",
    }
    made = [table_rows(connection, table) for table in STORED]
    assert {row[0] for row in made[1]} == KEPT | CHANGED.keys()
    build_all(connection, url=database, select=MODELS, is_full=True)
    assert [table_rows(connection, table) for table in STORED] == made


def test_what_a_failed_build_made_otherwise_is_made_again(database, connection):
    define_funnels(connection, {"buy": funnel("page_view", "click")})
    load(connection, history(random.Random(7)))
    build(connection, database)
    define_funnels(connection, {"buy": funnel("page_view", "scroll")})
    begun = begin_build(
        database, request=Request("test"), definitions=funnel_definitions(connection)
    )
    finish_build(begun, failure="some test")
    define_funnels(connection, {"buy": funnel("page_view", "click")})
    plan = plan_build(connection, funnel_definitions(connection))
    assert plan.models == dict.fromkeys(
        ["rows of funnel buy", "funnel buy"],
        "a build that did not succeed made it otherwise",
    )
