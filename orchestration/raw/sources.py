"""Sources: who sends landing files, in which words, and what is promised about them."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from orchestration.raw.envelope import FIELDS
from orchestration.registry.documents import read_document
from orchestration.registry.explaining import explain
from orchestration.registry.problems import Problem, RegistryError

APP_SOURCE = "app"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"no time zone is called {name!r}"
        raise PydanticCustomError("source", "{problem}", {"problem": msg}) from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Paths = str | list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(_Strict):
    """A value that the mapping itself gives."""

    value: str | int | float | bool


class Translated(_Strict):
    """A word of the source said in our words; others are kept or left out."""

    field: Paths
    words: dict[str, str]
    otherwise: Literal["keep", "drop"] = "keep"


class Pseudonym(_Strict):
    """A keyed hash of fields that are too personal to keep."""

    pseudonym: list[str] = Field(min_length=1)


def _kind_of_expression(value: object) -> str | None:
    if isinstance(value, dict):
        kinds = {"value": "<constant>", "words": "<words>", "pseudonym": "<pseudonym>"}
        return next((kinds[word] for word in kinds if word in value), None)
    if isinstance(value, BaseModel):
        return {Constant: "<constant>", Translated: "<words>"}.get(
            type(value), "<pseudonym>"
        )
    return {str: "<path>", list: "<paths>"}.get(type(value))


Expression = Annotated[
    Annotated[str, Tag("<path>")]
    | Annotated[list[str], Tag("<paths>")]
    | Annotated[Constant, Tag("<constant>")]
    | Annotated[Translated, Tag("<words>")]
    | Annotated[Pseudonym, Tag("<pseudonym>")],
    Discriminator(
        _kind_of_expression,
        custom_error_type="expression",
        custom_error_message="not an expression; allowed: a path, [path, …], "
        "{value: …}, {field: …, words: {…}}, {pseudonym: […]}",
    ),
]


class When(_Strict):
    """Which records an alternative is for; all that is said must hold."""

    has: list[str] = []
    lacks: list[str] = []
    equals: dict[str, str | list[str]] = {}


class Alternative(_Strict):
    """How records of one shape become events."""

    when: When = When()
    fields: dict[str, Expression]
    properties_from: list[str] = []
    properties: dict[str, Expression] = {}
    property_names: Literal["as_sent", "snake_case"] = "as_sent"
    rest: Literal["keep", "drop"] = "keep"
    drop: list[str] = []

    @model_validator(mode="after")
    def _fields_are_of_the_envelope(self) -> "Alternative":
        unknown = sorted(set(self.fields) - (FIELDS - {"properties"}))
        if unknown:
            allowed = ", ".join(sorted(FIELDS - {"properties"}))
            msg = f"no fields of the envelope: {', '.join(unknown)}; allowed: {allowed}"
            raise PydanticCustomError("source", "{problem}", {"problem": msg})
        if "event_name" not in self.fields:
            msg = "an alternative says where event_name comes from"
            raise PydanticCustomError("source", "{problem}", {"problem": msg})
        return self


Mapping = Annotated[
    Annotated[Literal["native"], Tag("<native>")]
    | Annotated[list[Alternative], Field(min_length=1), Tag("<alternatives>")],
    Discriminator(
        lambda value: "<native>" if isinstance(value, str) else "<alternatives>"
    ),
]


class Arrival(_Strict):
    """Complete up to the last scan that left nothing unloaded, less a settle time."""

    settle_minutes: int = Field(default=10, ge=0, le=10_080)


class Calendar(_Strict):
    """Complete up to the last period whose file is there."""

    pattern: Words
    cadence: Literal["hour", "day", "week", "month"]


class Marker(_Strict):
    """Complete up to the last folder that holds the marker."""

    name: Words = "_complete"


class Completeness(_Strict):
    """Which of the three ways tells how far a source is complete."""

    arrival: Arrival | None = None
    calendar: Calendar | None = None
    marker: Marker | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Completeness":
        if (
            sum(way is not None for way in (self.arrival, self.calendar, self.marker))
            != 1
        ):
            msg = "needs exactly one way; allowed: arrival, calendar, marker"
            raise PydanticCustomError("source", "{problem}", {"problem": msg})
        return self


class Internal(_Strict):
    """By what our own people are told from the public."""

    addresses: list[str] = []
    agents: list[Words] = []
    users: list[Words] = []

    @model_validator(mode="after")
    def _addresses_are_networks(self) -> "Internal":
        self.networks()
        return self

    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the addresses as networks."""
        try:
            return tuple(ip_network(address) for address in self.addresses)
        except ValueError:
            msg = "an address is not a network; allowed: 192.0.2.0/24, 2001:db8::/32"
            raise PydanticCustomError("source", "{problem}", {"problem": msg}) from None


class Consent(_Strict):
    """What an event may be used for when it does not say so itself.

    With the basis `consent`, an event that names no purposes has none.
    """

    basis: Literal["consent", "contract", "legal_obligation", "legitimate_interest"] = (
        "legitimate_interest"
    )
    purposes: list[Name] = ["analytics"]


class Source(_Strict):
    """One source of landing files."""

    name: Name
    description: Words
    owner: Words
    path: Words
    format: Literal["auto", "ndjson", "json", "csv", "parquet", "access_log"] = "auto"
    batch_key: Words = "events"
    mapping: Mapping = "native"
    unknown_events: Literal["quarantine", "namespaced", "custom"] = "quarantine"
    default_currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = (
        None
    )
    timezone: Zone = "UTC"
    time_unit: Literal["iso", "epoch_s", "epoch_ms", "epoch_us"] = "iso"
    missing_time: Literal["quarantine", "arrival"] = "quarantine"
    completeness: Completeness = Completeness(arrival=Arrival())
    days_late_allowed: int = Field(default=3, ge=0, le=3650)
    too_late: Literal["load", "hold"] = "load"
    daily_row_quota: int | None = Field(default=None, ge=1)
    internal: Internal = Internal()
    consent: Consent = Consent()
    truncated: dict[str, Annotated[int, Field(ge=1, le=65_536)]] = {}

    @model_validator(mode="after")
    def _truncated_fields_are_of_the_envelope(self) -> "Source":
        unknown = sorted(set(self.truncated) - FIELDS)
        if unknown:
            msg = f"truncated: no fields of the envelope: {', '.join(unknown)}"
            raise PydanticCustomError("source", "{problem}", {"problem": msg})
        return self


def load_source(path: Path) -> Source:
    """Read one source file.

    Raises
    ------
    RegistryError
        With file, line, field, reason and what is allowed, for every problem.
    """
    document = read_document(path.read_bytes(), file=f"sources/{path.name}")
    try:
        source = Source.model_validate(document.data)
    except ValidationError as error:
        problems = explain(error, model=Source, document=document, at=())
        raise RegistryError(problems) from None
    if source.name != path.stem:
        problem = document.problem(("name",), "not the name of the file", path.stem)
        raise RegistryError([problem])
    return source


def load_sources(folder: Path) -> dict[str, Source]:
    """Read all sources of landing files; the app database is described elsewhere."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yml")):
        if path.stem == APP_SOURCE:
            continue
        try:
            sources[path.stem] = load_source(path)
        except RegistryError as error:
            problems += error.problems
    if problems:
        raise RegistryError(problems)
    return sources
