"""Drafts to rows of raw.events: clocks, identity, pages, agents, addresses, money."""

from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from orchestration.raw.addresses import is_inside, truncate_address
from orchestration.raw.agents import NO_AGENT, RULE_VERSION, read_agent
from orchestration.raw.clocks import Clocks, Settled, to_micros, to_utc
from orchestration.raw.contracts import EMPTY_COLUMNS, HOT_COLUMNS
from orchestration.raw.drafts import Draft
from orchestration.raw.envelope import Envelope
from orchestration.raw.keys import event_key, halves, identify
from orchestration.raw.money import to_minor
from orchestration.raw.ordinals import Ordinals
from orchestration.raw.packing import pack_identity, pack_row
from orchestration.raw.pages import NO_PAGE, read_page
from orchestration.raw.payloads import payload_of
from orchestration.raw.reasons import Reason, RejectedError
from orchestration.raw.records import EVENT_COLUMNS
from orchestration.raw.row_columns import Row, Rows
from orchestration.raw.sources import Source

_VALUE, _CURRENCY = HOT_COLUMNS.index("value_minor"), HOT_COLUMNS.index("currency")


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
        self.source = source
        self.clocks = Clocks(
            timezone=timezone,
            now=now,
            floor=floor,
            days_late_allowed=source.days_late_allowed,
        )
        self.zone = ZoneInfo(source.timezone)
        self.default_time = (
            to_utc(arrived_at or now) if source.missing_time == "arrival" else None
        )
        self._networks = source.internal.networks()
        self._internal_agents = tuple(map(str.lower, source.internal.agents))
        self._internal_users = frozenset(source.internal.users)
        self.has_internal = bool(
            self._networks or self._internal_agents or self._internal_users
        )

    def make(self, draft: Draft) -> Row:
        """Return the row of a draft.

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
            received = to_utc(received, self.zone)
        if sent is not None:
            sent = to_utc(sent, self.zone)
        clocks = self.clocks.settle(self._occurred_at(envelope), sent, received)
        page = NO_PAGE
        if envelope.page_url is not None or envelope.referrer is not None:
            page, is_masked = read_page(envelope.page_url, envelope.referrer)
            draft.has_violation |= is_masked
        hot = EMPTY_COLUMNS
        if draft.properties and not contract.hot.isdisjoint(draft.properties):
            hot, is_rounded = hot_columns(contract.sources, draft.properties)
            draft.has_violation |= is_rounded
        is_internal = self.is_internal(envelope)
        return row_of(
            self._row(draft, clocks, (received, sent), page, hot, is_internal)
        )

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
        payload = payload_of(draft)
        key, event_id = None, envelope.event_id
        if event_id is None:
            event_id = payload.hex()
        else:
            key = event_key(self.source.name, event_id)
        occurred, day, is_future, lateness = clocks
        device_class, family, major, is_bot = agent
        # One line per group of columns; tuples are joined since that is half the cost
        # of unpacking them.
        # fmt: off
        return (  # noqa: RUF005
            key, self.source.name, event_id, envelope.event_name, day, occurred,
            *delivery, envelope.sequence,
            envelope.device_id, envelope.user_id, envelope.client_session_id,
        ) + page + hot + (
            envelope.platform, device_class, family, major, address,
            envelope.region, envelope.locale, envelope.app_version,
            draft.contract.is_interactive, is_bot, is_internal,
            envelope.is_test is True, draft.has_violation,
            is_future, lateness, draft.purposes, halves(payload)[0],
            draft.contract.version, RULE_VERSION, draft.text.decode(),
        )
        # fmt: on

    def _occurred_at(self, envelope: Envelope) -> datetime:
        occurred = envelope.occurred_at
        if occurred is not None:
            # The payload hash is about the instant, however it was written.
            envelope.occurred_at = to_utc(occurred, self.zone)
            return envelope.occurred_at
        if self.default_time is None:
            raise RejectedError(
                Reason.MISSING_REQUIRED, "/occurred_at", "an instant of ISO 8601"
            )
        return self.default_time

    def is_internal(self, envelope: Envelope) -> bool:
        """Tell whether an event is of our own people or machines."""
        if not self.has_internal:
            return False
        agent = (envelope.user_agent or "").lower()
        return (
            envelope.user_id in self._internal_users
            or any(part in agent for part in self._internal_agents)
            or (envelope.ip is not None and is_inside(envelope.ip, self._networks))
        )


def row_of(columns: Sequence) -> Row:
    """Return the row that has these values of EVENT_COLUMNS."""
    said = dict(zip(EVENT_COLUMNS, columns, strict=True))
    received, sent = said["received_at"], said["sent_at"]
    row = Row(
        None,
        0,
        said["event_id"],
        said["event_name"],
        said["occurred_on"],
        to_micros(said["occurred_at"]),
        None if received is None else to_micros(received),
        None if sent is None else to_micros(sent),
        said["payload_hash"],
        said["device_id"],
        said["has_violation"],
        said["contract_version"],
        said["lateness"] == "too_late",
        pack_row(columns),
    )
    if said["event_key"] is not None:
        _, id_hash = identify(said["source"], said["event_id"])
        _complete(row, said["event_key"], id_hash)
    return row


def fill_identities(rows: Rows, source: str, ordinals: Ordinals) -> None:
    """Give rows without an id one from source, content and ordinal in their file."""
    places = rows.nameless()
    hashes = [halves(bytes.fromhex(rows.event_ids[at][:32]))[0] for at in places]
    for place, ordinal in zip(places, ordinals.number(hashes), strict=True):
        row = rows[place]
        content = f"{source}\x1f{row.event_id}\x1f{ordinal}".encode()
        row.event_id = sha256(content).hexdigest()[:32]
        _complete(row, *identify(source, row.event_id))
        rows.replace(place, row)


def _complete(row: Row, key: int, id_hash: int) -> None:
    """Give a row what follows from its id."""
    row.event_key, row.id_hash = key, id_hash
    begin = pack_identity(row.event_id, key, row.payload_hash)
    row.packed = begin + row.packed


def hot_columns(
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
