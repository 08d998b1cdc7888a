"""Malformed records of many kinds, which a loader must set aside and count."""

import numpy as np

# What may not be used is not even set aside.
BEGIN = b'{"consent":["analytics"],'
# kind, line: what a broken sender, a cut connection or a curious person may send.
KINDS: tuple[tuple[str, bytes], ...] = (
    ("cut_off", b'{"event_id":"x","event_name":"page_view","occurred_at":"2026-10'),
    (
        "no_event_name",
        BEGIN + b'"occurred_at":"2026-10-05T10:00:00.000Z","device_id":"m1"}',
    ),
    ("no_time", BEGIN + b'"event_name":"page_view","device_id":"m1"}'),
    (
        "no_subject",
        BEGIN + b'"event_name":"page_view","occurred_at":"2026-10-05T10:00:00.000Z"}',
    ),
    (
        "no_such_time",
        BEGIN + b'"event_name":"page_view","occurred_at":"2026-02-31T10:00:00Z",'
        b'"device_id":"m1"}',
    ),
    (
        "long_ago",
        BEGIN + b'"event_name":"page_view","occurred_at":"1970-01-01T00:00:00Z",'
        b'"device_id":"m1"}',
    ),
    (
        "unknown_event",
        BEGIN + b'"event_name":"teleported","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m1"}',
    ),
    (
        "name_is_number",
        BEGIN + b'"event_name":7,"occurred_at":"2026-10-05T10:00:00.000Z"}',
    ),
    (
        "properties_are_list",
        BEGIN + b'"event_name":"page_view","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m1","properties":[1,2]}',
    ),
    (
        "field_value_sent",
        BEGIN
        + b'"event_name":"form_field_changed","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m1","properties":{"form_id":"contact","field_name":"phone",'
        b'"value":"secret"}}',
    ),
    (
        "no_conversion_type",
        BEGIN + b'"event_name":"conversion","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m1","properties":{"value":5,"currency":"EUR"}}',
    ),
    (
        "not_a_number",
        BEGIN + b'"event_name":"scroll","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m1","properties":{"scroll_depth":NaN}}',
    ),
    ("a_number", b"42"),
    ("a_list", b'["event_name","page_view"]'),
    ("null", b"null"),
    ("markup", b"<html><body>502 Bad Gateway</body></html>"),
    ("bad_utf8", b'{"event_name":"page_view","page_title":"caf\xe9"}'),
    (
        "nul_character",
        BEGIN + b'"event_name":"page_view","occurred_at":"2026-10-05T10:00:00.000Z",'
        b'"device_id":"m\\u00001"}',
    ),
    ("deep", b'{"properties":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    ("two_objects", b'{"event_name":"page_view"}{"event_name":"page_view"}'),
)
# Inside a JSON batch the text must parse, so only these kinds can occur.
BATCH_KINDS = tuple(
    kind
    for kind in KINDS
    if kind[0]
    not in {"cut_off", "not_a_number", "markup", "bad_utf8", "deep", "two_objects"}
)


def draw_kinds(dice: np.random.Generator, share: float, count: int) -> np.ndarray:
    """Draw which malformed records come with `count` good ones."""
    return dice.integers(0, len(KINDS), dice.poisson(share * count))
