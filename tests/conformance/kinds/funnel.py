"""Funnels as PostHog asks for them: its settings, in the words of our registry."""

from tests.end_to_end.truth_of_people import person_id

ORDERINGS = {"ordered": "ordered", "strict": "strict", "unordered": "any_order"}
# Months are not windows of ours, since they differ.
DAYS_OF_MONTH = 30


def events(question):
    """Return the rows of the landing file, at the whole seconds that PostHog counts.

    Its clock tells differences in whole seconds, its table the order of arrival: cut
    instants and a sequence say the same.
    """
    made = []
    order = sorted(question["events"], key=lambda event: question.instant(event["ts"]))
    for place, event in enumerate(order):
        instant = question.instant(event["ts"]).replace(microsecond=0)
        line = {
            "event_name": question.event(event["event"]).removeprefix("custom."),
            "user_id": question.user(event["user"]),
            "occurred_at": instant.isoformat(),
        }
        if question.get("has_order_in_file", True):
            line["sequence"] = place
        made.append(line)
    return made


def definitions(question):
    """Return the funnel: clipped to its range, dropping whom an exclusion meets."""
    window = question["window"]
    body = {
        "title": question.title[:120],
        "ordering": ORDERINGS[question["order"]],
        "window": lasting(window["n"], window["unit"]),
        "entries": {
            "from": question.instant(question["date_from"]),
            "to": question.instant(question["date_to"]),
        },
        "clip_conversions": True,
        "steps": [
            {"name": step_name(place), "events": question.happenings(step)}
            for place, step in enumerate(question["steps"])
        ],
        "exclusions": [
            {
                "after": step_name(each["after_step"]),
                "before": step_name(each["before_step"]),
                "events": question.happenings(each["events"]),
                "effect": "drop_unit",
            }
            for each in question.get("exclusions") or []
        ],
    }
    if body["ordering"] == "strict":
        body["scope"] = "all"
    return {f"funnels/{question.name}.yml": body}


def answer(connection, question):
    """Return counts, rates and times of everybody who entered, as readers ask."""
    rows = connection.execute(
        """
        select
            (result).unit_count, (result).rate_from_entry, (result).rate_from_previous,
            (result).mean_seconds_from_previous, (result).median_seconds_from_previous
        from published.funnel_steps(%s)
        where (result).breakdown = 'total' order by (result).step_index
        """,
        (question.name,),
    ).fetchall()
    counts, of_entry, of_previous, means, medians = zip(*rows, strict=True)
    return {
        "counts": counts,
        "rates_from_entry": of_entry,
        "rates_from_previous": of_previous,
        "average_seconds": means,
        "median_seconds": medians,
    }


def seconds(path, first, last):
    """Return how long it took from one place of a path to another."""
    return (path[last] - path[first]).total_seconds()


def reached(connection, question):
    """Return by user when each step was reached, by the best candidate of all days."""
    best = {}
    for entry in entries(connection, question):
        best.setdefault(entry["user"], entry["reached_at"])
    return best


def entries(connection, question):
    """Return what counts of each user and day, the deepest first, then the earliest."""
    rows = connection.execute(
        """
        select unit_id, reached_at
        from published.funnel_attempts as attempts
        where
            funnel_id = %(funnel)s
            and not exists (
                select from published.funnel_attempts as others
                where
                    others.funnel_id = attempts.funnel_id
                    and others.unit_id = attempts.unit_id
                    and others.drops_unit
            )
        order by depth desc, entered_at
        """,
        {"funnel": question.name},
    )
    users = {event["user"] for event in question["events"]}
    known = {person_id(f"user:{question.user(user)}"): user for user in users}
    return [
        {"user": known[unit], "reached_at": [instant for instant in times if instant]}
        for unit, times in rows
    ]


def step_name(place):
    """Return what the step at a place is called."""
    return f"step_{place + 1}"


def lasting(count, unit):
    """Return a window in the words of the registry."""
    if unit == "month":
        count, unit = count * DAYS_OF_MONTH, "day"
    return f"{count} {unit}s"
