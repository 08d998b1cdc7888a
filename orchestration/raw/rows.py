"""Drafts to rows of raw.events: clocks, identity, pages, agents, addresses, money."""

import hashlib
import struct
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from orchestration.raw.addresses import is_inside, truncate_address
from orchestration.raw.agents import NO_AGENT, RULE_VERSION, read_agent
from orchestration.raw.clocks import Clocks, Settled, to_utc
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import STRING_LENGTH, Envelope
from orchestration.raw.keys import event_key
from orchestration.raw.money import to_minor
from orchestration.raw.ordinals import Ordinals
from orchestration.raw.pages import NO_PAGE, read_page
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.sources import Source

_HASH = struct.Struct(">q")
_encode = msgspec.json.Encoder(order="sorted").encode
_sha256 = hashlib.sha256
_VALUE, _CURRENCY = HOT_COLUMNS.index("value_minor"), HOT_COLUMNS.index("currency")


class UnstorableError(ValueError):
    """The record holds what no table can hold; screening says what, and where."""


class RowMaker:
    """Makes the rows of one file."""

    def __init__(
        self,
        *,
        source: Source,
        timezone: str,
        now: datetime,
        floor: date | None,
        arrived_at: datetime | None,
    ) -> None:
        self._source = source
        self._clocks = Clocks(
            timezone=timezone,
            now=now,
            floor=floor,
            days_late_allowed=source.days_late_allowed,
        )
        self._name = source.name
        self._prefix = f"{source.name}\x1f".encode()
        self._zone = ZoneInfo(source.timezone)
        self._default_time = (
            to_utc(arrived_at or now) if source.missing_time == "arrival" else None
        )
        self._networks = source.internal.networks()
        self._internal_agents = tuple(map(str.lower, source.internal.agents))
        self._internal_users = frozenset(source.internal.users)
        self._has_internal = bool(
            self._networks or self._internal_agents or self._internal_users
        )

    def make(self, draft: Draft) -> tuple:
        """Return the row of a draft, in the order of EVENT_COLUMNS.

        Without an event id the row has no key yet, and a hash of its content in the
        place of the id; `fill_identities` knows what else the file holds.
        """
        envelope, contract = draft.envelope, draft.contract
        if (
            envelope.device_id is None
            and envelope.user_id is None
            and contract.needs_subject
        ):
            raise RejectedError(Reason.MISSING_SUBJECT, "", "a device_id or a user_id")
        received, sent = envelope.received_at, envelope.sent_at
        if received is not None:
            received = to_utc(received, self._zone)
        if sent is not None:
            sent = to_utc(sent, self._zone)
        clocks = self._clocks.settle(self._occurred_at(envelope), sent, received)
        page = NO_PAGE
        if envelope.page_url is not None or envelope.referrer is not None:
            page, is_masked = read_page(envelope.page_url, envelope.referrer)
            draft.has_violation |= is_masked
        hot = EMPTY_COLUMNS
        if draft.properties and not contract.hot.isdisjoint(draft.properties):
            hot, is_rounded = _hot_columns(contract.sources, draft.properties)
            draft.has_violation |= is_rounded
        is_internal = self._has_internal and self._is_internal(envelope)
        return self._row(draft, clocks, (received, sent), page, hot, is_internal)

    def _row(
        self,
        draft: Draft,
        clocks: Settled,
        delivery: tuple[datetime | None, datetime | None],
        page: tuple,
        hot: tuple,
        is_internal: bool,  # noqa: FBT001
    ) -> tuple:
        envelope = draft.envelope
        agent, address = NO_AGENT, None
        if envelope.user_agent is not None:
            agent = read_agent(envelope.user_agent)
        if envelope.ip is not None:
            address = truncate_address(envelope.ip)
        payload = _payload(draft)
        key, event_id = None, envelope.event_id
        if event_id is None:
            event_id = payload.hex()
        else:
            key = _first_eight(self._prefix + event_id.encode())
        occurred, day, is_future, lateness = clocks
        device_class, family, major, is_bot = agent
        # One line per group of columns; tuples are joined since that is half the cost
        # of unpacking them.
        # fmt: off
        return (  # noqa: RUF005
            key, self._name, event_id, envelope.event_name, day, occurred,
            *delivery, envelope.sequence,
            envelope.device_id, envelope.user_id, envelope.client_session_id,
        ) + page + hot + (
            envelope.platform, device_class, family, major, address,
            envelope.region, envelope.locale, envelope.app_version,
            draft.contract.is_interactive, is_bot, is_internal,
            envelope.is_test is True, draft.has_violation,
            is_future, lateness, draft.purposes, _HASH.unpack_from(payload)[0],
            draft.contract.version, RULE_VERSION, draft.text.decode(),
        )
        # fmt: on

    def _occurred_at(self, envelope: Envelope) -> datetime:
        occurred = envelope.occurred_at
        if occurred is not None:
            # The payload hash is about the instant, however it was written.
            envelope.occurred_at = to_utc(occurred, self._zone)
            return envelope.occurred_at
        if self._default_time is None:
            raise RejectedError(
                Reason.MISSING_REQUIRED, "/occurred_at", "an instant of ISO 8601"
            )
        return self._default_time

    def _is_internal(self, envelope: Envelope) -> bool:
        agent = (envelope.user_agent or "").lower()
        return (
            envelope.user_id in self._internal_users
            or any(part in agent for part in self._internal_agents)
            or (envelope.ip is not None and is_inside(envelope.ip, self._networks))
        )


def fill_identities(rows: list[tuple], ordinals: Ordinals) -> None:
    """Give rows without an id one from source, content and ordinal in their file."""
    places = [place for place, row in enumerate(rows) if row[0] is None]
    hashes = [_HASH.unpack(bytes.fromhex(rows[place][2][:16]))[0] for place in places]
    for place, ordinal in zip(places, ordinals.number(hashes), strict=True):
        _, source, content, *rest = rows[place]
        event_id = _sha256(f"{source}\x1f{content}\x1f{ordinal}".encode()).hexdigest()
        event_id = event_id[:32]
        rows[place] = (event_key(source, event_id), source, event_id, *rest)


def _payload(draft: Draft) -> bytes:
    """Return the hash of what was sent, whichever way and whenever it was sent.

    When it was sent, when it was received and from which address is about the
    delivery: a client that tries again says the same event. Adding a field to the
    envelope changes no hash, since absent fields are left out.
    """
    envelope = draft.envelope
    envelope.sent_at = envelope.received_at = envelope.ip = None
    envelope.properties = Raw(draft.sent_text) if draft.properties else None
    content = _encode(envelope)
    if not draft.is_screened and (
        len(content) > STRING_LENGTH or b"\\u0000" in content
    ):
        raise UnstorableError
    return _sha256(content).digest()


def _first_eight(content: bytes) -> int:
    """Return the first eight bytes of a hash; `keys.identify` says the same."""
    return _HASH.unpack_from(_sha256(content).digest())[0]


def _hot_columns(
    sources: Sequence[str | None], properties: dict[str, object]
) -> tuple[tuple, bool]:
    """Return the values of HOT_COLUMNS, and whether an amount was rounded."""
    get = properties.get
    values = [get(name) if name else None for name in sources]
    values = [round(value) if type(value) is float else value for value in values]
    amount, currency = get(sources[_VALUE] or ""), values[_CURRENCY]
    is_exact = True
    if amount is not None and currency is not None:
        values[_VALUE], is_exact = to_minor(amount, currency)
    return tuple(values), not is_exact
