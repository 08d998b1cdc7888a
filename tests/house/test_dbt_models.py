"""The rules of the dbt project: layers, words, and what every model must say."""

import json
import os
import re
from datetime import date
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from orchestration.transform.dbt_run import told_of_build

PROJECT = Path(__file__).parents[2] / "dbt_project"

READS = {
    "staging": {"raw", "identity"},
    "intermediate": {"staging", "intermediate", "identity", "registry"},
    "marts": {"staging", "intermediate", "marts", "identity", "registry"},
}
PII = {"none", "pseudonym", "possible"}
REBUILDS = {"full", "days", "extents", "keys", "ranges", "attempts", "statistics"}
# No models, but what hooks and claims say changed.
PREPARED = {
    *("raw.events", "raw.app", "identity.device_owners", "bookings.customers"),
    "experiments.person_ids",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where dbt writes what it made of the project, which is read once.

    The settings of other tests must not decide whether the project parses, nor whether
    it is read again.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if "DBT" in name]:
            patch.delenv(name)
        yield tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def manifest(folder):
    """The project as dbt reads it for a build, without any database."""
    with told_of_build(1, days=[date(2026, 3, 2)]):
        result = dbt(folder, "parse", "--quiet")
    assert result.success, result.exception
    return result.result


def dbt(folder, *arguments):
    return dbtRunner().invoke(
        [
            *arguments,
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", str(folder), "--log-path", str(folder)),
        ]
    )


def models(manifest):
    return [
        node for node in manifest.nodes.values() if str(node.resource_type) == "model"
    ]


def parents(manifest, node):
    known = {**manifest.nodes, **manifest.sources}
    return [known[key] for key in node.depends_on.nodes]


def test_a_model_reads_only_the_layers_below(manifest):
    wrong = [
        f"{node.name} reads {parent.schema}.{parent.name}"
        for node in models(manifest)
        for parent in parents(manifest, node)
        if parent.schema not in READS[node.schema]
    ]
    assert wrong == []


def test_no_dbt_view_reads_a_dbt_view(manifest):
    views = {
        node.unique_id
        for node in models(manifest)
        if node.config.materialized == "view"
    }
    wrong = [
        node.name
        for node in models(manifest)
        if node.unique_id in views and views & set(node.depends_on.nodes)
    ]
    assert wrong == []


def test_folder_and_schema_are_one_word(manifest):
    wrong = [node.name for node in models(manifest) if node.fqn[1] != node.schema]
    assert wrong == []


def test_every_model_says_what_a_row_is_and_every_column_what_it_holds(manifest):
    wrong = [
        node.name
        for node in models(manifest)
        if not node.description.startswith("One row per ") or not node.columns
    ]
    wrong += [
        f"{node.name}.{column.name}"
        for node in models(manifest)
        for column in node.columns.values()
        if not column.description or column.config.meta.get("pii") not in PII
    ]
    assert wrong == []


def test_every_identifier_of_a_person_is_classified(manifest):
    personal = re.compile(r"(^|_)(person|user|device|sender|recipient)_id$|_hash$")
    wrong = [
        f"{node.name}.{column.name}"
        for node in models(manifest)
        for column in node.columns.values()
        if personal.search(column.name)
        and column.name != "payload_hash"
        and column.config.meta["pii"] != "pseudonym"
    ]
    assert wrong == []


def test_tables_are_under_contract_with_a_purpose(manifest):
    tables = [
        node
        for node in models(manifest)
        if node.config.materialized in {"table", "incremental"}
    ]
    wrong = [
        node.name
        for node in tables
        if not node.config.contract.enforced
        or node.config.on_schema_change != "fail"
        or node.config.meta.get("purpose") != "analytics"
    ]
    assert wrong == []


def test_incremental_models_say_what_they_replace_and_after_whom(manifest):
    raw = {f"raw.{node.name}" for node in manifest.sources.values()}
    names = {node.name for node in models(manifest)} | PREPARED | raw
    wrong = []
    for node in models(manifest):
        if node.config.materialized != "incremental":
            continue
        meta = node.config.meta
        well_said = (
            node.config.incremental_strategy == "replace_changed"
            and meta.get("rebuild") in REBUILDS
            and meta.get("day") in node.columns
            and set(node.config.unique_key) <= set(node.columns)
            and (
                meta["rebuild"] not in {"days", "keys", "ranges"}
                or set(meta["parents"]) <= names
            )
            and (meta["rebuild"] != "keys" or meta.get("unit") in node.columns)
            and set(meta.get("range", ())) <= set(node.columns)
            and {meta.get("scope", meta["day"])} <= set(node.columns)
        )
        if not well_said:
            wrong.append(node.name)
    assert wrong == []


def test_models_that_read_events_or_their_kin_are_incremental(manifest):
    growing = {
        "stg_events__events",
        "int_events_sessionized",
        "int_events_matched",
        "int_events_valued",
        "int_units_matched",
        "retention_units",
        "sessions",
        "int_person_events_counted",
        "person_days",
        "int_funnel_rows",
        "int_funnel_persons",
        "funnel_attempts",
        "experiment_exposures",
        "experiment_units",
    }
    wrong = [
        node.name
        for node in models(manifest)
        if growing & {parent.name for parent in parents(manifest, node)}
        and node.config.materialized not in {"incremental", "ephemeral"}
    ]
    assert wrong == []


def test_the_key_of_a_published_mart_is_a_set_of_its_columns(manifest):
    wrong = [
        node.name
        for node in models(manifest)
        if node.schema == "marts"
        and node.config.materialized != "ephemeral"
        and not set(node.config.meta["published"]["key"]) <= set(node.columns)
    ]
    assert wrong == []


def test_models_never_ask_for_the_time():
    wrong = []
    for path in sorted(PROJECT.glob("models/**/*.sql")):
        text = path.read_text()
        if re.search(r"\b(now\(|current_(date|timestamp)|clock_timestamp)", text):
            wrong.append(f"{path.name} asks for the time")
    assert wrong == []


@pytest.mark.usefixtures("manifest")
def test_the_next_build_does_not_read_the_project_again(folder):
    with told_of_build(2, days=[date(2026, 3, 3)]):
        assert dbt(folder, "parse", "--quiet").success
    performance = json.loads((folder / "perf_info.json").read_text())
    assert performance["path_count"] > 0
    assert performance["parsed_path_count"] == 0


@pytest.mark.usefixtures("manifest")
def test_a_day_that_is_no_date_never_reaches_sql(folder, capfd):
    inline = "select {{ is_one_of_days('day', [\"2026-01-01' or '1\"]) }}"
    options = ("--no-introspect", "--no-populate-cache", "--inline", inline)
    assert not dbt(folder, "compile", *options).success
    assert "a day is written yyyy-mm-dd" in capfd.readouterr().out
