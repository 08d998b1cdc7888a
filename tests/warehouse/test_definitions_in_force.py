"""A bad contract or source is told by file, line and field, and stops no load."""

import shutil

import pytest

from orchestration.raw.definitions import (
    judge_files,
    read_definitions,
    read_files,
)
from orchestration.raw.loading import load_landing
from orchestration.registry.storing import refresh_registry
from tests.warehouse.landing_world import NOW, REGISTRY, World, event, ndjson


@pytest.fixture
def world(database, tmp_path):
    made = World(database, tmp_path)
    for path in REGISTRY.iterdir():
        if path.is_file():
            shutil.copy(path, made.settings.registry_dir)
    return made


def refresh(world, connection):
    refreshed = refresh_registry(
        connection, world.settings.registry_dir, judge=judge_files
    )
    connection.commit()
    return refreshed


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("contracts/page_view.yml", "x-subject: required", "x-subject: perhaps",
         "contracts/page_view.yml:{line}: x-subject: unknown"),
        ("contracts/click.yml", "title: click", "title: clack",
         "contracts/click.yml:{line}: title: not the name of the file"),
        ("sources/web.yml", "owner: tests", "owner: tests\nformat: papyrus",
         "sources/web.yml:{line}: format"),
    ],
)  # fmt: skip
def test_a_bad_file_leaves_the_last_good_version_in_force(
    file, old, new, told, world, connection
):
    assert refresh(world, connection).problems == ()
    path = world.settings.registry_dir / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    line = path.read_text().splitlines().index(new.splitlines()[-1]) + 1
    refused = refresh(world, connection)
    assert [
        str(each) for each in refused.problems if told.format(line=line) in str(each)
    ]
    world.put("web/a.ndjson", ndjson(event("a")))
    load_landing(world.url, settings=world.settings, now=NOW)
    assert connection.execute("select count(*) from raw.events").fetchone() == (1,)
    connection.commit()
    path.write_text(text)
    assert refresh(world, connection).problems == ()


def test_what_was_stored_is_what_the_files_said(world, connection):
    refresh(world, connection)
    stored = read_definitions(world.url, world.settings.registry_dir)
    files = read_files(world.settings.registry_dir)
    assert stored.sources == files.sources
    assert stored.retention == files.retention
    assert stored.contracts.names() == files.contracts.names()
    for name in files.contracts.names():
        # All custom events share the contract `custom`.
        event_name = "custom.any" if name == "custom" else name
        ours = stored.contracts.find(event_name)
        assert ours.schema == files.contracts.find(event_name).schema
