"""What the house has promised: consent by purpose, retention by class, defaults."""

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from orchestration.registry.kinds import Dated, Text
from orchestration.registry.predicates import Definition, Name

# GDPR Art. 6(1), under the names that the load writes down.
Basis = Literal[
    "consent",
    "contract",
    "legal_obligation",
    "vital_interests",
    "public_task",
    "legitimate_interest",
]

DataClass = Literal[
    "raw_events",
    "person_rows",
    "app_history",
    "set_aside",
    "landing_files",
    "reports",
    "backups",
    "health",
]


class Purpose(Definition):
    """Something personal data is used for, and what makes that lawful."""

    purpose: Name
    basis: Basis
    description: Text = ""
    retroactive: bool = False

    @property
    def is_consent_required(self) -> bool:
        """Whether a row needs the person's consent to be used for this."""
        return self.basis == "consent"


class Consent(Dated):
    """Every purpose there is. Absent means no, where a purpose requires consent."""

    policy_version: Annotated[int, Field(ge=1)]
    grace_hours: Annotated[int, Field(ge=0)] = 24
    purposes: Annotated[list[Purpose], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> "Consent":
        names = [purpose.purpose for purpose in self.purposes]
        if len(set(names)) != len(names):
            raise PydanticCustomError("repeated", "a purpose is named twice")
        return self

    def permitted(self, consented: Iterable[str]) -> list[str]:
        """Return the purposes a row may be used for, given those consented to."""
        given = set(consented)
        return sorted(
            purpose.purpose
            for purpose in self.purposes
            if not purpose.is_consent_required or purpose.purpose in given
        )


class RetentionClass(Definition):
    """How many days a class of data is kept."""

    data_class: DataClass
    days: Annotated[int, Field(ge=1, le=36_500)]
    reason: Text


class Retention(Dated):
    """How long each class of data is kept; what is not listed is kept."""

    classes: Annotated[list[RetentionClass], Field(min_length=1)]

    @model_validator(mode="after")
    def _classes_differ(self) -> "Retention":
        names = [each.data_class for each in self.classes]
        if len(set(names)) != len(names):
            raise PydanticCustomError("repeated", "a data class is named twice")
        return self

    def days(self, data_class: DataClass) -> int | None:
        """Return for how many days a class is kept; None is for ever."""
        for each in self.classes:
            if each.data_class == data_class:
                return each.days
        return None

    def floor(self, data_class: DataClass, *, today: dt.date) -> dt.date | None:
        """Return the first day of the class that is still kept; None keeps all."""
        days = self.days(data_class)
        return None if days is None else today - dt.timedelta(days=days)


class EvidencePriority(Definition):
    """How strong a kind of evidence is: `app.persons`, or the name of an event."""

    evidence: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,62}$")]
    priority: Annotated[int, Field(ge=1, le=9)]


class PersonLimits(Definition):
    """How many identifiers of each type one person may have."""

    user: Annotated[int, Field(ge=1, le=100)] = 1
    email: Annotated[int, Field(ge=1, le=100)] = 5
    phone: Annotated[int, Field(ge=1, le=100)] = 5
    external: Annotated[int, Field(ge=1, le=100)] = 5


BlockedValue = Annotated[str, Field(min_length=1, max_length=200)]


class BlockedValues(Definition):
    """Values that identify nobody, whatever the type, and by type."""

    any: list[BlockedValue] = Field(default_factory=list)
    user: list[BlockedValue] = Field(default_factory=list)
    email: list[BlockedValue] = Field(default_factory=list)
    phone: list[BlockedValue] = Field(default_factory=list)
    external: list[BlockedValue] = Field(default_factory=list)


class Identity(Dated):
    """Who is who: what counts as evidence, and how far it goes."""

    mode: Literal["time_bounded", "latest_backdated"] = "time_bounded"
    experiment_mapping: Literal["strict", "first_touch", "last_touch"] = "first_touch"
    limits: PersonLimits = PersonLimits()
    most_neighbours: Annotated[int, Field(ge=10, le=100_000)] = 1000
    priorities: list[EvidencePriority] = Field(default_factory=list)
    other_priority: Annotated[int, Field(ge=1, le=9)] = 5
    blocked: BlockedValues = BlockedValues()

    @model_validator(mode="after")
    def _evidence_differs(self) -> "Identity":
        names = [each.evidence for each in self.priorities]
        if len(set(names)) != len(names):
            raise PydanticCustomError("repeated", "evidence is named twice")
        return self


class RequestRate(Definition):
    """How many events of a device or an address are usual in how long."""

    events: Annotated[int, Field(ge=1)] = 100
    # What divides an hour: a bucket begins where people expect it.
    minutes: Literal[1, 5, 10, 15, 30, 60] = 15


class Defaults(Dated):
    """Numbers that many definitions share."""

    days_late_allowed: Annotated[int, Field(ge=0, le=366)] = 3
    small_number_k: Annotated[int, Field(ge=1)] = 10
    request_rate: RequestRate = RequestRate()
    rating_prior_weight: Annotated[int, Field(ge=0, le=1_000)] = 5
