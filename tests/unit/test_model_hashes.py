"""A model's hash changes exactly when what it means does."""

import copy

import pytest

from orchestration.transform.model_hashes import IDENTITY, model_definitions


def node(name, *, code="select 1", parents=(), macros=(), **config):
    return {
        "resource_type": "model",
        "name": name,
        "package_name": "daybook",
        "raw_code": code,
        "description": "One row.",
        "columns": {
            "day": {"name": "day", "data_type": "date", "description": "A day"}
        },
        "config": {"materialized": "table", "meta": {}, "tags": [], **config},
        "depends_on": {"nodes": list(parents), "macros": list(macros)},
    }


def macro(name, *, uses=(), package="daybook"):
    return {
        "name": name,
        "package_name": package,
        "macro_sql": f"sql of {name}",
        "depends_on": {"macros": list(uses)},
    }


@pytest.fixture
def manifest():
    return {
        "nodes": {
            "model.daybook.events": node(
                "events",
                parents=["source.daybook.raw.events"],
                macros=["macro.daybook.days"],
            ),
            "model.daybook.sessions": node(
                "sessions",
                parents=["model.daybook.events"],
                materialized="incremental",
                incremental_strategy="replace_changed",
            ),
            "model.daybook.funnels": node(
                "funnels",
                parents=["model.daybook.sessions", "source.daybook.registry.funnels"],
            ),
            "model.daybook.alone": node("alone"),
        },
        "macros": {
            "macro.daybook.days": macro("days", uses=["macro.daybook.literals"]),
            "macro.daybook.literals": macro("literals", uses=["macro.dbt.ref"]),
            "macro.daybook.get_incremental_replace_changed_sql": macro("strategy"),
            "macro.dbt.ref": macro("ref", package="dbt"),
        },
        "sources": {
            "source.daybook.raw.events": {"schema": "raw", "identifier": "events"},
            "source.daybook.registry.funnels": {
                "schema": "registry",
                "identifier": "funnels",
            },
        },
    }


def hashes(manifest, registry="v1"):
    made = model_definitions(manifest, source_hashes={"registry.funnels": registry})
    return {name: definition.hash for name, definition in made.items()}


def set_code(manifest):
    manifest["nodes"]["model.daybook.sessions"]["raw_code"] = "select 2"


def set_column_type(manifest):
    columns = manifest["nodes"]["model.daybook.sessions"]["columns"]
    columns["day"]["data_type"] = "text"


def set_nested_macro(manifest):
    manifest["macros"]["macro.daybook.literals"]["macro_sql"] = "changed"


def set_strategy(manifest):
    key = "macro.daybook.get_incremental_replace_changed_sql"
    manifest["macros"][key]["macro_sql"] = "changed"


def set_description(manifest):
    of_model = manifest["nodes"]["model.daybook.events"]
    of_model["description"] = "Another text."
    of_model["columns"]["day"]["description"] = "Another text."
    of_model["config"]["tags"] = ["new"]


def set_foreign_macro(manifest):
    manifest["macros"]["macro.dbt.ref"]["macro_sql"] = "of another dbt release"


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (set_code, {"sessions", "funnels"}),
        (set_column_type, {"sessions", "funnels"}),
        (set_nested_macro, {"events", "sessions", "funnels"}),
        (set_strategy, {"sessions", "funnels"}),
        (set_description, set()),
        (set_foreign_macro, set()),
    ],
)
def test_a_change_reaches_the_model_and_all_below_it(change, changed, manifest):
    before = hashes(manifest)
    after = copy.deepcopy(manifest)
    change(after)
    now = hashes(after)
    assert {name for name in before if before[name] != now[name]} == changed


def test_a_registry_change_reaches_only_who_reads_it(manifest):
    before, now = hashes(manifest), hashes(manifest, registry="v2")
    assert {name for name in before if before[name] != now[name]} == {"funnels"}


def test_a_table_that_a_macro_queries_counts_like_a_declared_one(manifest):
    literals = manifest["macros"]["macro.daybook.literals"]
    literals["macro_sql"] = "run_query('select id from registry.funnels order by 1')"
    before, now = hashes(manifest), hashes(manifest, registry="v2")
    changed = {name for name in before if before[name] != now[name]}
    assert changed == {"events", "sessions", "funnels"}


def test_identity_is_listed_among_the_models(manifest):
    assert IDENTITY in hashes(manifest)
