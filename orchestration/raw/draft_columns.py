"""Drafts side by side, column by column."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from orchestration.raw.contracts import Contract
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import Envelope

Column = tuple[Any, ...]


class Said(NamedTuple):
    """What envelopes say but for their properties; the names are those of fields."""

    event_id: Column
    event_name: Column
    occurred_at: Column
    received_at: Column
    sent_at: Column
    sequence: Column
    device_id: Column
    user_id: Column
    client_session_id: Column
    page_url: Column
    page_title: Column
    referrer: Column
    user_agent: Column
    ip: Column
    locale: Column
    app_version: Column
    platform: Column
    region: Column
    consent: Column
    is_test: Column


class Drafts(NamedTuple):
    """What drafts tell beside their envelopes."""

    envelopes: list[Envelope]
    contracts: list[Contract]
    texts: list[bytes]
    purposes: list[tuple[str, ...]]
    hot: list[tuple | None]
    has_violation: list[bool]


_OF_ENVELOPE = attrgetter(*Said._fields)


def columns_of(drafts: Sequence[Draft]) -> tuple[Said, Drafts]:
    """Return what many envelopes say, and what else their drafts tell."""
    envelopes = [draft.envelope for draft in drafts]
    return Said(*zip(*map(_OF_ENVELOPE, envelopes), strict=True)), Drafts(
        envelopes,
        [draft.contract for draft in drafts],
        [draft.text for draft in drafts],
        [draft.purposes for draft in drafts],
        [draft.hot for draft in drafts],
        [draft.has_violation for draft in drafts],
    )
