"""What the marts of the marketplace say, worked out row by row from the app's rows."""

from collections import Counter, defaultdict
from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

STATES = (
    *("requested", "accepted", "declined", "expired", "paid", "completed"),
    *("cancelled_by_customer", "cancelled_by_provider", "no_show"),
)
ENDS = STATES[5:]
FOLLOWERS = {
    None: STATES[:4],
    "requested": STATES[1:4],
    "accepted": ("paid", *ENDS),
    "paid": ENDS,
}
LONGEST = timedelta(days=366)
REPEAT = timedelta(days=90)
TAKEN = ("accepted", "paid", "completed", "no_show")


def faults_of(booking, log):
    """Return (reason, log entry or '') of a booking and its sorted log."""
    before = [None, *(entry["state"] for entry in log)]
    found = [
        (_fault_of_entry(booking, entry, previous), entry["booking_state_id"])
        for previous, entry in zip(before, log, strict=False)
    ]
    if booking is not None:
        if (before[-1] or "requested") != booking["state"]:
            found.append(("state_not_logged", ""))
        starts, ends = booking.get("starts_at"), booking.get("ends_at")
        if starts and ends and not starts <= ends <= starts + LONGEST:
            found.append(("impossible_interval", ""))
    return [fault for fault in found if fault[0]]


def _fault_of_entry(booking, entry, previous):
    state = entry["state"]
    if booking is None:
        return "no_booking"
    if state not in STATES:
        return "unknown_state"
    if state not in FOLLOWERS.get(previous, ()):
        return "illegal_transition"
    if state != "requested" and entry["entered_at"] < booking["requested_at"]:
        return "before_request"
    return None


def in_order(log):
    """Return the log of a booking in its total order; unknown states come last."""
    return sorted(
        log,
        key=lambda entry: (
            entry["entered_at"],
            STATES.index(entry["state"]) if entry["state"] in STATES else 99,
            entry["booking_state_id"],
        ),
    )


def booking_of(booking, log):
    """Return what the mart says of a booking, in the columns that are worked out."""
    times = {}
    for entry in log:
        times.setdefault(entry["state"], entry["entered_at"])

    def first(*states):
        return next((times[state] for state in states if state in times), None)

    decided, ended = first(*STATES[1:4]), first(*ENDS)
    accepted, paid = times.get("accepted"), times.get("paid")
    is_quarantined = bool(faults_of(booking, log))
    requested = booking["requested_at"]

    def seconds(start, end):
        if is_quarantined or start is None or end is None:
            return None
        return (end - start).total_seconds()

    return {
        "booking_id": booking["booking_id"],
        "state": booking["state"],
        "is_quarantined": is_quarantined,
        **{f"{state}_at": times.get(state) for state in STATES[1:]},
        "decided_at": decided,
        "ended_at": ended,
        "state_since": max((entry["entered_at"] for entry in log), default=requested),
        "requested_seconds": seconds(requested, decided),
        "accepted_seconds": seconds(accepted, paid or ended),
        "paid_seconds": seconds(paid, ended),
        "time_to_accept_seconds": seconds(requested, accepted),
        "lead_time_seconds": seconds(requested, booking.get("starts_at")),
        "time_to_complete_seconds": seconds(requested, times.get("completed")),
    }


def customers_of(bookings):
    """Return first and second booking, maturity and repetition by provider and user."""
    completed = defaultdict(list)
    for row in bookings:
        if row["completed_at"]:
            key = (row["provider_id"], row["user_id"])
            completed[key].append((row["completed_at"], row["booking_id"]))
    found = {}
    for key, times in completed.items():
        (first_at, first), *later = sorted(times)
        second_at, second = later[0] if later else (None, None)
        is_repeat = second is not None and second_at - first_at <= REPEAT
        found[key] = (first, second, first_at + REPEAT, is_repeat)
    return found


def performance_of(bookings, reviews, customers):
    """Return counts by day and provider, and the response times of the day."""
    found = defaultdict(Counter)
    for moment, provider, name, amount in (
        *_done(bookings),
        *_said(reviews),
        *_matured(customers),
    ):
        found[moment.date(), provider][name] += amount
    responses = defaultdict(list)
    for row in bookings:
        if row["accepted_at"] or row["declined_at"]:
            key = (row["decided_at"].date(), row["provider_id"])
            responses[key].append(row["requested_seconds"])
    for key, seconds in responses.items():
        found[key]["response_seconds"] = sorted(seconds)
    return found


def _done(bookings):
    for row in bookings:
        for state in STATES:
            if row[f"{state}_at"] and state != "paid":
                yield row[f"{state}_at"], row["provider_id"], f"{state}_count", 1


def _said(reviews):
    for row in reviews:
        if row["state"] != "hidden":
            provider = row["provider_id"]
            yield row["created_at"], provider, "rating_count", 1
            yield row["created_at"], provider, "rating_sum", row["rating"]


def _matured(customers):
    for (provider, _), (*_, matures_at, is_repeat) in customers.items():
        yield matures_at, provider, "matured_customer_count", 1
        yield matures_at, provider, "repeat_customer_count", is_repeat


def hours_of(bookings, offers, days, *, timezone="UTC"):
    """Return seconds by day and provider, piece by piece between any two edges."""
    zone = ZoneInfo(timezone)
    taken = [row for row in bookings if row["state"] in TAKEN and row["starts_at"]]
    found = {}
    for day in days:
        edges = [
            datetime.combine(day + timedelta(days=number), time(), zone)
            for number in (0, 1)
        ]
        for provider in {row["provider_id"] for row in (*taken, *offers)}:
            mine = [row for row in taken if row["provider_id"] == provider]
            open_ = [row for row in offers if row["provider_id"] == provider]
            seconds = _seconds_of(mine, open_, *(edge.timestamp() for edge in edges))
            if seconds:
                found[day, provider] = seconds
    return found


def _seconds_of(bookings, offers, begin, end):
    """Return the seconds of one provider between two instants."""
    moments = {begin, end}
    for row in (*bookings, *offers):
        for name in ("starts_at", "ends_at"):
            moments.add(min(max(row[name].timestamp(), begin), end))
    moments = sorted(moments)
    seconds = Counter()
    for first, last in pairwise(moments):
        here = [row["state"] for row in bookings if _covers(row, first)]
        is_open = any(_covers(row, first) for row in offers)
        length = last - first
        seconds["available_seconds"] += length * is_open
        seconds["booked_seconds"] += length * bool(here)
        seconds["double_booked_seconds"] += length * max(len(here) - 1, 0)
        seconds["outside_seconds"] += length * (bool(here) and not is_open)
        seconds["completed_seconds"] += length * ("completed" in here)
        seconds["no_show_seconds"] += length * ("no_show" in here)
    if not seconds["available_seconds"] and not seconds["booked_seconds"]:
        return None
    found = {name: round(value, 6) for name, value in seconds.items()}
    available = seconds["available_seconds"]
    found["utilisation_rate"] = (
        round(seconds["booked_seconds"] / available, 6) if available else None
    )
    return found


def _covers(row, moment):
    return row["starts_at"].timestamp() <= moment < row["ends_at"].timestamp()


def registrations_of(tickets, attendance):
    """Return who registered and who came, counted by occasion and person."""
    by_ticket = {row["ticket_id"]: row for row in tickets}
    came = {}
    for row in attendance:
        ticket = by_ticket.get(row["ticket_id"])
        occasion = row["occasion_id"] or (ticket or {}).get("occasion_id")
        if occasion is None:
            continue
        place = (occasion, row["ticket_id"] or row["attendance_id"])
        known = came.setdefault(place, {"users": set(), "attended": False})
        known["users"].add(row["user_id"])
        known["attended"] |= row["state"] == "attended"
    found = defaultdict(Counter)
    for ticket in tickets:
        place = (ticket["occasion_id"], ticket["ticket_id"])
        outcome = came.pop(place, {}).get("attended")
        counts = found[ticket["occasion_id"], ticket["user_id"]]
        name = {"refunded": "refunded", "cancelled": "cancelled"}.get(ticket["state"])
        counts[f"{name or 'registered'}_count"] += 1
        counts["attended_count"] += outcome is True
        counts["walk_in_count"] += outcome is True and name is not None
        counts["no_show_count"] += outcome is False and name is None
    for (occasion, _), outcome in came.items():
        user = min(outcome["users"], default="")
        found[occasion, user]["attended_count"] += outcome["attended"]
        found[occasion, user]["walk_in_count"] += outcome["attended"]
    return found
