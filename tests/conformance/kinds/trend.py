"""Trends: a number per interval, one definition per series."""

from datetime import UTC

_OF_A_VALUE = ("sum", "avg", "min", "max", "median")
_FORMATS = {"hour": "%Y-%m-%d %H:%M:%S"}


def _name(question, place):
    return f"{question.name}_{place}"


def definitions(question):
    """Ask with PostHog's settings: what has no events is zero."""
    return {
        f"trends/{_name(question, place)}.yml": _trend(question, series)
        for place, series in enumerate(question["series"])
    }


def _trend(question, series):
    # Outside of the range nothing counts, so that a cumulative trend starts in it; the
    # range begins where its first week or month does.
    first = question.instant(question["date_from"])
    if question["interval"] in {"week", "month"}:
        first = question.clock.start(first, question["interval"])
    where = {
        "all": [
            {"column": "occurred_at", "at_least": first.astimezone(UTC)},
            {"column": "occurred_at", "at_most": question.instant(question["date_to"])},
        ]
    }
    happenings = [
        each | {"where": where} for each in question.happenings(series["events"])
    ]
    trend = {
        "title": question.title[:120],
        "events": happenings,
        "math": series["math"],
        "interval": question["interval"],
        "week_starts": question.clock.week_starts,
        "timezone": str(question.zone),
        "when_empty": "zero",
        "cumulative": question["cumulative"],
    }
    if series["math"] in _OF_A_VALUE:
        trend["value"] = {"property": "value"}
    return trend


def answer(connection, question):
    return [
        _series(connection, question, place) for place in range(len(question["series"]))
    ]


def _series(connection, question, place):
    values = dict(
        connection.execute(
            "select period_starts_at, coalesce(cumulative_value, value) "
            "from published.trends where trend_id = %s",
            (_name(question, place),),
        ).fetchall()
    )
    interval = question["interval"]
    first, last = map(question.instant, (question["date_from"], question["date_to"]))
    starts = question.clock.within(first, last, interval)
    data, known = [], 0
    for start in starts:
        # Outside of what our calendar knows nothing happened.
        known = values.get(start, known if question["cumulative"] else 0)
        data.append(float(known or 0))
    form = _FORMATS.get(interval, "%Y-%m-%d")
    return {
        "days": [start.astimezone(question.zone).strftime(form) for start in starts],
        "data": data,
        "aggregated_value": sum(data),
    }
