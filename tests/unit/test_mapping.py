"""A source's own words become ours, and nothing it said is lost."""

import pytest

from orchestration.raw.mapping import Mapper, snake_case
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.sources import Alternative


def mapper(*alternatives, key=b"key"):
    models = [Alternative.model_validate(item) for item in alternatives]
    return Mapper(models, pseudonym_key=key)


def mapped(value, **said):
    return mapper({"fields": {"event_name": "type"}, **said}).apply(value)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("ticketCount", "ticket_count"),
        ("Account Created", "account_created"),
        ("HTTPStatus", "http_status"),
        ("already_snake", "already_snake"),
        ("  odd--name! ", "odd_name"),
        ("ünïcode", "n_code"),
        ("", ""),
    ],
)
def test_names_become_snake_case(name, snake):
    assert snake_case(name) == snake


def test_what_no_field_uses_is_kept_among_the_properties():
    assert mapped({"type": "click", "a": 1, "b": None, "c": {"d": 2}}) == {
        "event_name": "click",
        "properties": {"a": 1, "c": {"d": 2}},
    }


def test_the_rest_is_dropped_where_the_source_says_so():
    assert mapped({"type": "click", "a": 1}, rest="drop")["properties"] == {}
    assert mapped({"type": "click", "a": 1, "b": 2}, drop=["a"])["properties"] == {
        "b": 2
    }


def test_the_first_path_that_holds_something_wins():
    fields = {"event_name": "type", "user_id": ["user.id", "uid"]}
    value = {"type": "click", "user": {"id": ""}, "uid": "u-1"}
    assert mapped(value, fields=fields)["user_id"] == "u-1"


def test_an_address_deep_in_a_context_is_not_kept_twice():
    fields = {"event_name": "type", "ip": "context.ip"}
    value = {"type": "click", "context": {"ip": "203.0.113.7", "os": {"name": "x"}}}
    result = mapped(value, fields=fields)
    assert result["ip"] == "203.0.113.7"
    assert result["properties"] == {"context": {"os": {"name": "x"}}}


def test_words_are_translated_and_others_kept_or_dropped():
    words = {"field": "type", "words": {"button_click": "click"}}
    fields = {"event_name": words}
    assert mapped({"type": "button_click"}, fields=fields)["event_name"] == "click"
    assert mapped({"type": "hover"}, fields=fields)["event_name"] == "hover"
    fields = {"event_name": words | {"otherwise": "drop"}}
    assert "event_name" not in mapped({"type": "hover"}, fields=fields)


def test_properties_are_spread_and_renamed_and_ours_win():
    result = mapped(
        {"type": "buy", "data": {"orderId": "o-1", "value": 5}, "value": 7},
        properties_from=["data"],
        property_names="snake_case",
        properties={"currency": {"value": "EUR"}, "value": "data.value"},
    )
    assert result["properties"] == {"order_id": "o-1", "value": 5, "currency": "EUR"}


def test_a_pseudonym_depends_on_every_part_and_on_the_key():
    fields = {"event_name": "type", "device_id": {"pseudonym": ["host", "agent"]}}

    def device(value, key=b"key"):
        made = mapper({"fields": fields}, key=key)
        return made.apply({"type": "x", **value}).get("device_id")

    one = device({"host": "203.0.113.7", "agent": "curl"})
    assert one.startswith("p1_")
    assert len(one) == 35
    assert one == device({"host": "203.0.113.7", "agent": "curl"})
    assert one != device({"host": "203.0.113.8", "agent": "curl"})
    assert one != device({"host": "203.0.113.7", "agent": None})
    assert one != device({"host": "203.0.113.7", "agent": "curl"}, key=b"other")
    assert device({"host": None, "agent": "curl"}) is None


def test_the_first_alternative_that_fits_is_taken():
    made = mapper(
        {
            "when": {"equals": {"type": ["a", "b"]}, "has": ["x.y"], "lacks": ["z"]},
            "fields": {"event_name": {"value": "first"}},
        },
        {
            "when": {"has": ["type"]},
            "fields": {"event_name": {"value": "second"}},
        },
    )

    def name(**value):
        return made.apply(value)["event_name"]

    assert name(type="a", x={"y": 1}) == "first"
    assert name(type="c", x={"y": 1}) == "second"
    assert name(type="a", x={"y": None}) == "second"
    assert name(type="a", x={"y": 1}, z=1) == "second"
    with pytest.raises(RejectedError) as caught:
        name(x={"y": 1})
    assert caught.value.reason == Reason.UNMAPPED
