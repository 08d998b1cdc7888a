"""Planted secrets: masked in free text, refused by the name of a property."""

import pytest

from orchestration.raw.sensitive import is_card_number, is_forbidden_name, masked
from tests.unit.normalizing import event, normalize, one_row, reason_of

# Test numbers of the card companies; all pass the check digit.
CARDS = ["4111111111111111", "5555 5555 5555 4444", "3782-822463-10005"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("jazz on the pier", "jazz on the pier"),
        ("write to Ada.L+x@mail.example.org now", "write to [email] now"),
        *[(f"pay with {card}, please", "pay with [card], please") for card in CARDS],
        ("order 4111111111111112", "order 4111111111111112"),
        ("at 1773057600000 or 17730576000001", "at 1773057600000 or 17730576000001"),
        ("password=hunter2&x=1", "password=[secret]&x=1"),
        ("Authorization: Bearer abc.def-12345", "Authorization: [secret]"),
        ("PASSWORD=hunter2", "PASSWORD=[secret]"),
        ("pa\u017f\u017fword=hunter2", "pa\u017f\u017fword=[secret]"),
        ("author\u0131zation=hunter2", "author\u0131zation=[secret]"),
        ("ap\u0130_key=hunter2", "ap\u0130_key=[secret]"),
        ("my secret garden", "my secret garden"),
        (
            "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
            "jwt [secret]",
        ),
        ("jazz @ the pier", "jazz @ the pier"),
    ],
)
def test_what_looks_personal_is_masked(text, kept):
    assert masked(text) == kept


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "card_number", "cardNumber", "CVV", "api-key", "pin"],
)
def test_names_that_ask_for_secrets_are_forbidden(name):
    assert is_forbidden_name(name)
    said = event(event_name="custom.made", properties={"a": [{}], "b": {name: "x"}})
    assert reason_of(normalize(said)) == (
        "forbidden_property",
        f"/properties/b/{name}",
    )


@pytest.mark.parametrize("name", ["pinned", "passenger", "keyboard", "authority"])
def test_names_that_only_resemble_secrets_are_not(name):
    assert not is_forbidden_name(name)
    row = one_row(event_name="custom.made", properties={name: "x"})
    assert row["properties"] == {name: "x"}


def test_a_card_number_sent_as_a_number_is_masked_too():
    assert is_card_number(4111111111111111)
    assert not is_card_number(1773057600000000)
    row = one_row(event_name="custom.made", properties={"note": 4111111111111111})
    assert row["properties"] == {"note": "[card]"}


@pytest.mark.parametrize(
    ("name", "properties", "place"),
    [
        ("page_view", {"note": "ada@example.org"}, "note"),
        ("error_occurred", {"message": "no mail for ada@example.org"}, "message"),
        ("search_performed", {"query": "", "filters": {"a": ["ada@example.org"]}}, ""),
        ("click", {"element_text": "ada@example.org"}, "element_text"),
        ("custom.made", {"deep": [{"a": "ada@example.org"}]}, ""),
    ],
)
def test_a_planted_address_reaches_no_row(name, properties, place):
    row = one_row(event_name=name, properties=properties)
    assert "ada" not in repr(row)
    assert row["has_violation"]
    if place:
        assert "[email]" in row["properties"][place]


def test_a_title_with_an_address_is_masked():
    row = one_row(page_title="Inbox of ada@example.org")
    assert row["properties"] == {"page_title": "Inbox of [email]"}
