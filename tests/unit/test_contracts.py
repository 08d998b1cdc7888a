"""Every contract accepts its examples and rejects its counter-examples."""

import datetime as dt

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.contracts import Contracts
from orchestration.raw.envelope import FIELDS, Envelope
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.registry.documents import read_document
from orchestration.registry.problems import RegistryError
from tests.unit.normalizing import (
    CONTRACTS,
    REGISTRY,
    event,
    made_source,
    normalize,
    reason_of,
    row_of,
)

NAMES = CONTRACTS.names()
ASKED_FOR = """
    page_view click scroll search_performed form_started form_field_changed
    form_submitted interaction conversion booking_attempt booking_completed
    chat_started chat_message_sent user_registered login_attempt error_occurred
    notification_sent endpoint_performance web_vital heatmap_pointer
    experiment_exposure flag_evaluated consent_changed heartbeat http_request
    resource_used custom
"""
SILENT = {
    "notification_sent",
    "endpoint_performance",
    "web_vital",
    "experiment_exposure",
    "flag_evaluated",
    "consent_changed",
    "heartbeat",
}


def schema_of(name):
    path = REGISTRY / "contracts" / f"{name}.yml"
    return read_document(path.read_bytes(), file=path.name).data


def cases(word):
    for name in NAMES:
        for index, case in enumerate(schema_of(name)[word]):
            yield pytest.param(name, case, id=f"{name}-{index}")


def as_event(name, properties):
    spoken = "custom.made" if name == "custom" else name
    return event(event_name=spoken, properties=properties)


def compiled(name):
    return CONTRACTS.find("custom.made" if name == "custom" else name)


def test_every_event_that_the_source_documents_name_has_a_contract():
    assert sorted(NAMES) == sorted(ASKED_FOR.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_a_valid_json_schema_with_description_and_cases(name):
    schema = schema_of(name)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["description"]
    assert schema["examples"]
    assert schema["x-counter-examples"]


@pytest.mark.parametrize(("name", "properties"), list(cases("examples")))
def test_an_example_is_accepted_without_violation(name, properties):
    row = row_of(normalize(as_event(name, properties)))
    assert not row["has_violation"]
    assert row["contract_version"] == schema_of(name)["x-version"]


@pytest.mark.parametrize(("name", "properties"), list(cases("examples")))
def test_an_example_meets_its_schema_by_another_validator(name, properties):
    jsonschema.validate(properties, schema_of(name))


@pytest.mark.parametrize(("name", "case"), list(cases("x-counter-examples")))
def test_a_counter_example_is_rejected_for_the_stated_reason(name, case):
    source = made_source(unknown_events="namespaced")
    batch = normalize(as_event(name, case["properties"]), source=source)
    assert reason_of(batch) == (case["reason"], case["pointer"])
    assert batch.set_aside[0].contract_version == schema_of(name)["x-version"]
    assert batch.set_aside[0].expected


@pytest.mark.parametrize("name", NAMES)
def test_only_what_a_person_does_is_interactive(name):
    assert compiled(name).is_interactive == (name not in SILENT)


def test_only_endpoint_performance_needs_no_subject():
    without = [name for name in NAMES if not compiled(name).needs_subject]
    assert without == ["endpoint_performance"]


def test_the_envelope_is_said_twice_and_the_same():
    properties = schema_of("envelope")["properties"]
    assert set(properties) == FIELDS
    documented = {
        field.name
        for field in msgspec.structs.fields(Envelope)
        if field.name not in ("event_name", "occurred_at")
    }
    assert documented == set(properties) - set(schema_of("envelope")["required"])


# A newline at the end passes the `$` of the other validator, against JSON Schema.
LETTERS = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=3)
VALUE = st.none() | LETTERS | st.integers() | st.lists(LETTERS)
FIELD = st.sampled_from(
    sorted(FIELDS - {"event_name", "occurred_at", "sent_at", "received_at"})
)


@given(st.dictionaries(FIELD, VALUE | st.booleans(), max_size=4))
def test_the_envelope_and_its_schema_accept_the_same(fields):
    said = fields | {"event_name": "page_view", "occurred_at": "2026-03-09T10:00:00Z"}
    properties = said.get("properties")
    if not isinstance(properties, dict | None):
        return  # the struct leaves properties to the contract
    is_valid = jsonschema.Draft7Validator(schema_of("envelope")).is_valid(said)
    try:
        msgspec.convert(said, Envelope)
    except msgspec.ValidationError:
        assert not is_valid
    else:
        assert is_valid


def contracts_with(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.yml").write_text(text)
    return Contracts(tmp_path)


GOOD = "title: made\nx-version: 1\nx-interactive: true\nx-subject: none\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("title: other\n" + GOOD[12:], 1, "not the name of the file"),
        (GOOD + "x-colums: {}\n", 5, "not a word of a contract"),
        (GOOD.replace("x-version: 1\n", ""), 1, "x-version is missing"),
        (GOOD.replace("none", "maybe"), 4, "required, none"),
        (GOOD + "x-columns: {value_minor: value}\n", 5, "not a column and a property"),
        (GOOD + "x-free-text: [note]\n", 5, "note is no property"),
        (GOOD + "properties: {a: {type: strin}}\n", 1, "no schema"),
    ],
)
def test_a_broken_contract_is_refused_with_file_line_and_reason(
    tmp_path, text, line, words
):
    contracts = contracts_with(tmp_path, made=text)
    with pytest.raises(RegistryError) as caught:
        contracts.find("made")
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == ("contracts/made.yml", line)
    assert words in str(problem)


def test_contracts_are_compiled_when_first_asked_for(tmp_path):
    contracts = contracts_with(tmp_path, made=GOOD, broken="title: [")
    assert contracts.compiled == {}
    assert contracts.find("made").name == "made"
    assert list(contracts.compiled) == ["made"]


@pytest.mark.parametrize("name", ["../envelope", "envelope", "custom", "custom.", ""])
def test_a_name_that_is_no_event_finds_no_contract(name):
    assert CONTRACTS.find(name) is None


def test_a_number_without_bounds_is_bounded_by_what_a_column_holds(tmp_path):
    text = GOOD + "properties: {count: {type: integer}}\n"
    contract = contracts_with(tmp_path, made=text).find("made")
    contract.check({"count": 2**63 - 1})
    with pytest.raises(RejectedError) as caught:
        contract.check({"count": 2**63})
    assert caught.value.reason == Reason.NUMBER_OUT_OF_RANGE


def test_an_error_of_a_schema_never_repeats_the_value():
    with pytest.raises(RejectedError) as caught:
        CONTRACTS.find("scroll").check({"scroll_depth": "ada@example.org"})
    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_days_of_yaml_are_no_words_of_examples():
    # YAML reads 2026-01-01 as a date, which no JSON example can hold.
    for name in NAMES:
        for example in schema_of(name)["examples"]:
            assert not any(isinstance(item, dt.date) for item in example.values())
