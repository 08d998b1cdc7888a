"""Every shipped funnel, step by step and by day of entry, against the world's truth.

Who hit what and when was written down while the world was planned. The funnels that
ship are ordered, with one window: the earliest next hit is always the right one.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

import polars as pl
import yaml

from orchestration.registry.funnels import seconds_of
from tests.end_to_end.comparing import assert_equal
from tests.end_to_end.house import ROOT
from tests.end_to_end.truth_of_people import person_id, unrecoverable_devices

# Steps that ask for more than a name: what the truth calls them.
CONDITIONS = {
    ("interaction", "view of an occasion"): "occasion_view",
    ("conversion", "purchase"): "purchase",
}
# When a booking entered a state, by the fact that the app tells of it; when its money
# came, which may be days later.
BOOKING_FACTS = {
    "app.booking_requested": "requested_at",
    "app.booking_accepted": "decided_at",
    "app.booking_paid": "captured_at",
}
REFUSED = ("requested", "declined", "expired")


@dataclass(frozen=True)
class Funnel:
    """Hits that satisfy each step, and how long there is from the first."""

    steps: tuple[tuple[str, ...], ...]
    window: timedelta


def check_funnels(story):
    """Depth and times of every unit on every day, persons of hopeless clocks apart."""
    lost = lost_persons(story)
    hits = hits_of_persons(story)
    for funnel_id, funnel in shipped().items():
        expected = {
            (person_id(person), day): entry
            for person, of_person in hits.items()
            if person_id(person) not in lost
            for day, entry in entries_of(of_person, funnel).items()
        }
        found = {
            (unit, day): (depth, reached_at[:depth])
            for unit, day, depth, reached_at in story.house.rows(
                """
                select unit_id, entered_on, depth, reached_at
                from published.funnel_attempts where funnel_id = %s
                """,
                (funnel_id,),
            )
            if unit not in lost
        }
        depths = {depth for depth, _ in expected.values()}
        assert len(depths) > 1, f"nobody gets anywhere in {funnel_id}"
        assert_equal(found, expected, left_out=len(lost))


def check_roles(story):
    """Whoever enters the acquisition funnel counts under the role the app names."""
    lost = lost_persons(story)
    roles = {
        person_id(f"user:{user_id}"): role
        for role, user_id in story.truth("accounts")
        .select("role", "user_id")
        .iter_rows()
    }
    rows = story.house.rows(
        """
        select unit_id, breakdown_value, is_completed
        from published.funnel_attempts where funnel_id = 'acquisition'
        """
    )
    found = {unit: role for unit, role, _ in rows if unit not in lost}
    assert_equal(found, {unit: roles.get(unit) for unit in found}, left_out=len(lost))
    assert {"customer", "provider", None} <= set(found.values())
    assert any(is_completed for *_, is_completed in rows), "nobody ever paid"


def check_funnel_days(story):
    """Units per step and day of entry are those whose attempts got there."""
    for funnel_id, funnel in shipped().items():
        expected = {
            (day, place + 1): count
            for place in range(len(funnel.steps))
            for day, count in story.house.rows(
                """
                select entered_on, count(*) filter (where reached_at[%s] is not null)
                from published.funnel_attempts
                where funnel_id = %s group by entered_on
                """,
                (place + 1, funnel_id),
            )
        }
        found = story.house.rows(
            """
            select entered_on, step_index, unit_count
            from published.funnel_steps_daily
            where funnel_id = %s and breakdown = 'total'
            """,
            (funnel_id,),
        )
        assert_equal({(day, index): n for day, index, n in found}, expected)


def shipped():
    """Return the funnels that ship, each step asking for what the truth calls it."""
    return {
        path.stem: _funnel(yaml.safe_load(path.read_text()))
        for path in sorted((ROOT / "registry" / "funnels").glob("*.yml"))
    }


def _funnel(body):
    plain = {"title", "description", "window", "steps", "breakdown", "time_bins"}
    assert body.keys() <= plain, f"no truth for {body.keys() - plain}"
    steps = tuple(tuple(map(_hit, step["events"])) for step in body["steps"])
    assert len(set(sum(steps, ()))) == sum(map(len, steps)), "a hit for two steps"
    return Funnel(steps, timedelta(seconds=seconds_of(body.get("window", "14 days"))))


def _hit(happening):
    event = happening["event"]
    if "where" not in happening:
        return event
    condition = str(happening["where"])
    [hit] = [
        hit
        for (name, what), hit in CONDITIONS.items()
        if name == event and all(word in condition for word in what.split()[:1])
    ]
    return hit


def entries_of(hits, funnel):
    """Return by day how deep a person's best entry got, and when each step was hit."""
    found = {}
    for start in sorted(_instants(hits, funnel.steps[0])):
        reached = [start]
        for step in funnel.steps[1:]:
            instants = _instants(hits, step)
            place = bisect_left(instants, reached[-1])
            if place == len(instants) or instants[place] > start + funnel.window:
                break
            reached.append(instants[place])
        best = found.get(start.date())
        if best is None or len(reached) > best[0]:
            found[start.date()] = (len(reached), reached)
    return found


def _instants(hits, names):
    return sorted(instant for name in names for instant in hits.get(name, []))


def hits_of_persons(story):
    """Return what every person hit and when: on the sites, and in the app."""
    found = defaultdict(lambda: defaultdict(list))
    for row in story.truth("funnel_hits").iter_rows(named=True):
        found[row["person"]][row["hit"]].append(row["occurred_at"])
    for name, user_id, instant in booking_facts(story):
        found[f"user:{user_id}"][name].append(instant)
    return found


def booking_facts(story):
    """Yield what the app knows of bookings: fact, who booked, when."""
    taken = story.truth("payments").group_by("booking_id")
    bookings = (
        story.truth("bookings")
        .filter(~pl.col("is_deleted"))
        .join(taken.agg(captured_at=pl.col("paid_at").min()), "booking_id", "left")
    )
    for name, column in BOOKING_FACTS.items():
        told = bookings.filter(pl.col(column).is_not_null())
        if name == "app.booking_accepted":
            told = told.filter(~pl.col("state").is_in(REFUSED))
        for user_id, instant in told.select("user_id", column).iter_rows():
            yield name, user_id, instant


def lost_persons(story):
    """Return whoever did something where clocks cannot be corrected."""
    lost = {person_id(f"device:{name}") for name in unrecoverable_devices(story)}
    hits = story.truth("funnel_hits").filter(~pl.col("is_recoverable"))
    return lost | {person_id(name) for name in hits["person"].unique()}
