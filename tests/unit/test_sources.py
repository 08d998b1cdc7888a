"""Source files: strict, and errors that say file, line, field and what is allowed."""

import pytest

from orchestration.raw.envelope import FIELDS
from orchestration.raw.sources import load_source, load_sources
from orchestration.registry.problems import RegistryError
from tests.unit.normalizing import (
    REGISTRY,
    event,
    made_source,
    normalize,
    shipped_source,
)

GOOD = """\
name: shop
description: The pages of the shop.
owner: web team
path: shop/**
"""


def load(tmp_path, text, name="shop"):
    path = tmp_path / f"{name}.yml"
    path.write_text(text)
    return load_source(path)


def test_the_shipped_sources_load_and_have_an_owner_and_a_folder_of_their_own():
    sources = load_sources(REGISTRY / "sources")
    assert {"web", "mobile", "server", "legacy", "access_log"} <= set(sources)
    assert "app" not in sources
    for name, source in sources.items():
        assert source.owner
        assert source.path.startswith(f"{name}/")


def test_every_shipped_source_says_on_which_basis_it_is_stored():
    sources = load_sources(REGISTRY / "sources")
    assert all("consent" in source.model_fields_set for source in sources.values())
    asks = {name for name, each in sources.items() if each.consent.basis == "consent"}
    assert asks == {"web", "mobile", "server"}


@pytest.mark.parametrize("name", ["web", "mobile", "server"])
def test_an_event_of_our_trackers_that_names_no_purposes_is_counted_only(name):
    batch = normalize(event(), source=shipped_source(name))
    assert (batch.not_consented_count, len(batch.rows)) == (1, 0)


def test_without_a_word_of_consent_nothing_is_kept_however_broken():
    batch = normalize(
        *(event(**said) for said in ({}, {"consent": None}, {"event_name": ...})),
        *(event(**said) for said in ({"occurred_at": "\0"}, {"properties": [1]})),
        source=made_source(consent={"basis": "consent"}),
    )
    assert (batch.not_consented_count, len(batch.rows), batch.set_aside) == (5, 0, [])


def test_what_a_source_does_not_say_has_its_default(tmp_path):
    source = load(tmp_path, GOOD)
    assert (source.days_late_allowed, source.too_late) == (3, "load")
    assert (source.unknown_events, source.mapping) == ("quarantine", "native")
    assert source.completeness.arrival.settle_minutes == 10
    assert (source.consent.basis, source.consent.purposes) == (
        "legitimate_interest",
        ["analytics"],
    )


@pytest.mark.parametrize(
    ("line", "field", "allowed"),
    [
        ("formt: csv", "formt", "days_late_allowed"),
        ("format: xml", "format", "ndjson"),
        ("unknown_events: keep", "unknown_events", "quarantine"),
        ("timezone: Mars/Base", "timezone", "Mars/Base"),
        ("default_currency: euro", "default_currency", "[A-Z]{3}"),
        ("days_late_allowed: -1", "days_late_allowed", "0"),
        ("completeness: {}", "completeness", "arrival, calendar, marker"),
        ("completeness: {arrival: {}, marker: {}}", "completeness", "exactly one"),
        ("internal: {addresses: [home]}", "internal", "192.0.2.0/24"),
        ("mapping: own", "mapping", "native"),
        ("mapping: []", "mapping", "1"),
        ("mapping: [{fields: {user_id: a}}]", "mapping[0]", "event_name"),
        ("mapping: [{fields: {event_name: a, b: c}}]", "mapping[0]", "occurred_at"),
        ("mapping: [{fields: {event_name: {x: y}}}]", "event_name", "{value: …}"),
        ("truncated: {colour: 3}", "", "colour"),
        ("consent: {basis: because}", "consent.basis", "legitimate_interest"),
    ],
)
def test_an_error_names_file_line_field_and_what_is_allowed(
    tmp_path, line, field, allowed
):
    with pytest.raises(RegistryError) as caught:
        load(tmp_path, GOOD + line + "\n")
    problem = caught.value.problems[0]
    assert problem.file == "sources/shop.yml"
    assert problem.line == (5 if field else 1)
    assert field in problem.field
    assert allowed in str(problem)


def test_a_source_is_named_like_its_file(tmp_path):
    with pytest.raises(RegistryError, match=r"shops\.yml:1: name"):
        load(tmp_path, GOOD, name="shops")


def test_all_broken_sources_are_told_at_once(tmp_path):
    (tmp_path / "a.yml").write_text("name: a\n")
    (tmp_path / "b.yml").write_text("name: [\n")
    (tmp_path / "app.yml").write_text("not: ours\n")
    with pytest.raises(RegistryError) as caught:
        load_sources(tmp_path)
    assert {problem.file for problem in caught.value.problems} == {
        "sources/a.yml",
        "sources/b.yml",
    }


def test_the_fields_of_a_mapping_are_those_of_the_envelope(tmp_path):
    fields = ", ".join(f"{name}: x" for name in sorted(FIELDS - {"properties"}))
    source = load(tmp_path, GOOD + f"mapping: [{{fields: {{{fields}}}}}]\n")
    assert set(source.mapping[0].fields) == FIELDS - {"properties"}
