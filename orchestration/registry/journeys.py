"""What the nodes of a journey are, and what they are called."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from orchestration.registry.kinds import Dated
from orchestration.registry.predicates import Definition

# The nodes before the first and after the last are called so.
BOUNDARIES = {"start", "end"}

EventName = Annotated[
    str, StringConstraints(pattern=r"^(custom\.)?[a-z][a-z0-9_]{0,54}$")
]
Segment = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~:@-]{1,100}$")]
Placeholder = Annotated[str, StringConstraints(pattern=r"^:[a-z][a-z0-9_]{0,54}$")]


class Rewrite(Definition):
    """A segment of this shape, or right after that one, gets another name."""

    shape: Literal["number", "uuid", "hexadecimal"] | None = None
    after: Segment | None = None
    placeholder: Placeholder

    @model_validator(mode="after")
    def _says_which(self) -> "Rewrite":
        if self.shape is None and self.after is None:
            raise PydanticCustomError("condition", "needs shape, after or both")
        return self


class Journeys(Dated):
    """The rules by which a session becomes a sequence of nodes."""

    collapse_repeats: bool = True
    events: Annotated[list[EventName], Field(max_length=200)] = Field(
        default_factory=list
    )
    rewrites: Annotated[list[Rewrite], Field(max_length=200)] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _boundaries_are_no_events(self) -> "Journeys":
        if BOUNDARIES & set(self.events):
            raise PydanticCustomError("reserved", "start and end are no events")
        return self
