"""Retention: how many of each cohort came back, period by period."""


def definitions(question):
    """Ask with PostHog's settings: by calendar, and the start itself is period 0."""
    grid = {
        "title": question.title[:120],
        "start": {
            "events": question.happenings(question["target"]),
            "occurs": "first_ever" if question["first_time_only"] else "each_period",
        },
        "return": {"events": question.happenings(question["returning"])},
        "period": question["period"].lower(),
        "periods": question["periods"] - 1,
        "week_starts": question.clock.week_starts,
        "timezone": str(question.zone),
        "period_zero": "start",
    }
    return {f"retention/{question.name}.yml": grid}


def answer(connection, question):
    """Return the triangle; a cohort without anybody has no rows with us."""
    rows = connection.execute(
        """
        select cohort_starts_at, period_index, returned_count
        from published.retention_cohorts
        where retention_id = %s
        """,
        (question.name,),
    )
    counts = {(start, index): count for start, index, count in rows}
    first = question.expected["first_period"]
    period = question["period"].lower()
    # The first period may be named by any instant in it.
    start = question.clock.start(question.instant(first), period)
    starts = [
        question.clock.after(start, period, place)
        for place in range(question.get("cohorts", question["periods"]))
    ]
    return {
        "first_period": first,
        "counts": [
            [
                counts.get((start, index), 0)
                for index in range(question["periods"] - place)
            ]
            for place, start in enumerate(starts)
        ],
    }
