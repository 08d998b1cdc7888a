"""What counts as engagement: heartbeats, hovers, and the weights of the score."""

from typing import Annotated

from pydantic import Field, StringConstraints

from orchestration.registry.kinds import Dated
from orchestration.registry.predicates import Definition

# An event by name, what was done to an occasion, or a class that a rule gave an event.
Activity = Annotated[
    str,
    StringConstraints(
        pattern=r"^((custom|interaction)\.)?[a-z][a-z0-9_]{0,54}$",
    ),
]


class Heartbeat(Definition):
    """How engaged time follows from heartbeats; the lengths are Snowplow's."""

    slot_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    minimum_visit_seconds: Annotated[int, Field(ge=0, le=3600)] = 5


class Hover(Definition):
    """What a card sends as a view when the pointer merely enters it."""

    duration_seconds: Annotated[float, Field(ge=0)] = 30
    scroll_depth: Annotated[float, Field(ge=0, le=100)] = 50


class Score(Definition):
    """Weight times count, halved every so many days; absent weighs nothing."""

    half_life_days: Annotated[float, Field(ge=0.1, le=3660)] = 14
    weights: Annotated[
        dict[Activity, Annotated[float, Field(ge=0, le=1_000_000)]],
        Field(min_length=1, max_length=200),
    ]


class Engagement(Dated):
    """The rules by which engagement is counted."""

    heartbeat: Heartbeat = Heartbeat()
    hover: Hover = Hover()
    score: Score
