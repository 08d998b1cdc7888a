"""Whatever the models read comes from a source that the registry describes."""

import pytest
import yaml

SOURCES = "dbt_project/models/staging/_staging__sources.yml"
APP = "registry/sources/app.yml"
# What the stages compute for the models; the rest lands or is extracted.
OWN = {"identity", "registry"}


def unregistered(tree):
    extracted = yaml.safe_load(tree.text(APP))["tables"]
    registered = {"events", *(f"app_{table}" for table in extracted)}
    for source in yaml.safe_load(tree.text(SOURCES))["sources"]:
        if source["name"] in OWN:
            continue
        for name in {table["name"] for table in source["tables"]} ^ registered:
            yield f"{source['name']}.{name} is not in both the registry and the models"


def test_every_table_belongs_to_a_registered_source(tree):
    assert not list(unregistered(tree))


@pytest.mark.parametrize("name", ["app_pets", "app_persons", "events"])
def test_a_table_of_no_source_is_found(plant, name):
    tables = [{"name": each} for each in {"events", "app_persons"} ^ {name}]
    sources = {"sources": [{"name": "raw", "tables": tables}, {"name": "identity"}]}
    files = {SOURCES: yaml.safe_dump(sources), APP: "tables: {persons: {}}"}
    (problem,) = unregistered(plant(files=files))
    assert name in problem
