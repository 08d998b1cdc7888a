"""How many of those who entered in each period got from one step to another."""

from datetime import timedelta

from tests.conformance.kinds import funnel

definitions = funnel.definitions
events = funnel.events


def answer(connection, question):
    """Return counts and rate per period of entry, periods without anybody included."""
    first, last = question["from_step"], question["to_step"]
    counts = {start: [0, 0] for start in periods(question)}
    known = set()
    for entry in funnel.entries(connection, question):
        start = period_of(entry["reached_at"][0], question)
        # A user counts once a period, by the best candidate of it.
        if (entry["user"], start) not in known:
            known.add((entry["user"], start))
            depth = len(entry["reached_at"])
            counts[start][0] += depth > first
            counts[start][1] += depth > last
    return {
        "periods": [
            {
                "timestamp": start.isoformat(),
                "reached_from_step_count": from_count,
                "reached_to_step_count": to_count,
                "conversion_rate": round(100 * to_count / max(from_count, 1), 2),
            }
            for start, (from_count, to_count) in counts.items()
        ]
    }


def periods(question):
    """Yield the beginning of every period of the range."""
    start = period_of(question.instant(question["date_from"]), question)
    while start <= question.instant(question["date_to"]):
        yield start
        start = period_of(start + LENGTHS[question["interval"]], question)


# Longer than a period, and shorter than two.
LENGTHS = {
    "hour": timedelta(minutes=61),
    "day": timedelta(hours=26),
    "week": timedelta(days=8),
    "month": timedelta(days=32),
}


def period_of(instant, question):
    """Return the beginning of its hour, day, week (from Sunday) or month, there."""
    interval = question["interval"]
    start = instant.astimezone(question.zone).replace(minute=0, second=0, microsecond=0)
    if interval == "hour":
        return start
    start = start.replace(hour=0)
    if interval == "week":
        return start - timedelta(days=(start.weekday() + 1) % 7)
    return start.replace(day=1) if interval == "month" else start
