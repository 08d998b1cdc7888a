"""Lifecycle: new, returning, resurrecting and dormant persons per period."""

from tests.conformance.runner.site import plain_event

_STATES = ("new", "returning", "resurrecting", "dormant")


def events(question):
    """Return the events of the site, and one where each profile was created."""
    rows = [plain_event(question, event) for event in question["events"]]
    for user in question.get("users") or []:
        if user.get("created_at"):
            created = {"user": user["user"], "ts": user["created_at"], "event": None}
            rows.append(plain_event(question, created))
    return rows


def unsupported(question):
    if question["interval"] == "hour":
        return "a lifecycle has no hours"
    if str(question.zone) != "UTC":
        return "a lifecycle is of reporting days"
    return None


def definitions(question):
    """Ask with PostHog's settings: new is whose profile was created in the period."""
    names = sorted({event["event"] for event in question["events"]})
    lifecycle = {
        "title": question.title[:120],
        "of": {"events": question.happenings(question.get("events_asked") or names)},
        "periods": [question["interval"]],
        "week_starts": question.clock.week_starts,
    }
    if question.get("users"):
        lifecycle["new_by"] = "profile_creation"
        lifecycle["profile"] = question.happenings([None])
    return {f"lifecycles/{question.name}.yml": lifecycle}


def answer(connection, question):
    rows = connection.execute(
        """
        select first_on, new_count, returning_count, resurrecting_count, dormant_count
        from published.lifecycle_periods where lifecycle_id = %s
        """,
        (question.name,),
    )
    counts = {first_on.isoformat(): states for first_on, *states in rows}
    found = {state: [] for state in _STATES}
    days = question.expected["days"]
    for day in days:
        states = counts.get(day[:10], (0, 0, 0, 0))
        for state, count in zip(_STATES, states, strict=True):
            found[state].append(-count if state == "dormant" else count)
    return {"days": days, **found}
