"""The plan: what the next build would rebuild, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from orchestration.transform.claims import (
    TouchedDay,
    unsettled_days,
    unsettled_device_count,
)
from orchestration.transform.model_hashes import Definition, changed_models

_MOST_LOADS = 5
_MOST_DAYS = 20


@dataclass(frozen=True)
class Plan:
    """What the next build will do.

    Attributes
    ----------
    days : tuple of TouchedDay
        Days with news, and the loads that brought them.
    device_count : int
        Devices whose sessions and identity are looked at again.
    models : dict of str to str
        Models to be built from nothing, each with why.
    unfinished : str or None
        What the last build left half done, if it did not succeed as a whole.
    """

    days: tuple[TouchedDay, ...]
    device_count: int
    models: dict[str, str]
    unfinished: str | None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to build."""
        return not (self.days or self.device_count or self.models or self.unfinished)

    def text(self) -> str:
        """Return the plan as a person reads it."""
        if self.is_empty:
            return "nothing to build"
        lines = []
        if self.unfinished:
            lines.append(f"finish what {self.unfinished}")
        if self.days:
            lines.append(f"{len(self.days)} days with news:")
            lines.extend(f"  {_describe(day)}" for day in self.days)
        if self.device_count:
            lines.append(f"{self.device_count} devices with news: sessions, identity")
        if self.models:
            lines.append(f"{len(self.models)} models from nothing:")
            lines.extend(f"  {name}: {why}" for name, why in self.models.items())
        return "\n".join(lines)

    def rows(self) -> list[dict[str, str | int]]:
        """Return a small table of the newest days with news."""
        return [
            {
                "day": day.day.isoformat(),
                "rows": day.row_count,
                "sources": ", ".join(day.sources),
                "loads": len(day.load_ids),
            }
            for day in self.days[-_MOST_DAYS:]
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values that JSON can hold."""
        days = [{**asdict(day), "day": day.day.isoformat()} for day in self.days]
        return {**asdict(self), "days": days, "is_empty": self.is_empty}


def plan_build(
    connection: psycopg.Connection, definitions: Mapping[str, Definition]
) -> Plan:
    """Say what the next build will rebuild, and why, without changing anything.

    A build that begins now sees at least this; identity and chains can add days that
    only the build itself finds out.
    """
    return Plan(
        days=tuple(unsettled_days(connection)),
        device_count=unsettled_device_count(connection),
        models=changed_models(connection, definitions),
        unfinished=_unfinished(connection),
    )


def _unfinished(connection: psycopg.Connection) -> str | None:
    row = connection.execute(
        """
        select builds.build_id, builds.state, builds.is_full_selection
        from ops.current_build
        inner join ops.builds as builds using (build_id)
        """
    ).fetchone()
    if row is None:
        return None
    build_id, state, is_full_selection = row
    if state == "succeeded" and is_full_selection:
        return None
    if state == "succeeded":
        return f"build {build_id} built only in part"
    return f"build {build_id} left ({state})"


def _describe(day: TouchedDay) -> str:
    loads = ", ".join(str(load_id) for load_id in day.load_ids[:_MOST_LOADS])
    more = len(day.load_ids) - _MOST_LOADS
    loads += f" and {more} more" if more > 0 else ""
    return (
        f"{day.day}: {day.row_count:,} rows of {', '.join(day.sources)} "
        f"({', '.join(day.kinds)}; loads {loads})"
    )
