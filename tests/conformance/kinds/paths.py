"""Paths: from which item of a session to which, how often, after how long."""

from collections import defaultdict
from datetime import timedelta
from itertools import groupby, pairwise

from tests.conformance.runner.agreement import agrees as same

# What we understand; a question that says more asks for something else.
KNOWN = {
    *("id", "kind", "note", "events", "expected", "now", "timezone", "interval"),
    *("date_from", "date_to", "session_gap_minutes", "step_limit", "edge_limit"),
    "week_starts",
}
OUR_GAP = timedelta(minutes=30)


def events(question):
    """Let every item be the view of a page, on the one device of its user."""
    items = _items(question)
    order = sorted(question["events"], key=lambda event: question.instant(event["ts"]))
    return [
        {
            "event_name": "page_view",
            "device_id": question.user(event["user"]),
            "user_id": question.user(event["user"]),
            "occurred_at": question.instant(event["ts"]).isoformat(),
            "sequence": place,
            # The same address within a second would be one view.
            "page_url": f"{_path(question, items.index(event['item']))}?n={place}",
        }
        for place, event in enumerate(order)
    ]


def definitions(_question):
    return {}


def unsupported(question):
    more = sorted(question.body.keys() - KNOWN)
    if more:
        return f"paths know nothing of {', '.join(more)}"
    if _gap(question) > OUR_GAP:
        return "sessions of ours end after 30 minutes"
    return None


def answer(connection, question):
    """Cut sessions where the question does, and count what follows what in them."""
    items = {
        _path(question, place): item for place, item in enumerate(_items(question))
    }
    rows = connection.execute(
        """
        select session_id, occurred_at, page_path
        from published.user_journey
        where row_kind = 'view' and page_path = any(%s)
        order by session_id, occurred_on, position
        """,
        (list(items),),
    ).fetchall()
    gaps = defaultdict(list)
    for _, session in groupby(rows, key=lambda row: row[0]):
        seen = [(at, items[path]) for _, at, path in session if _asked(question, at)]
        for visit in _visits(seen, _gap(question)):
            steps = _without_repeats(visit)[: question.get("step_limit")]
            for step, (one, other) in enumerate(pairwise(steps), 1):
                edge = (f"{step}_{one[1]}", f"{step + 1}_{other[1]}")
                gaps[edge].append(other[0] - one[0])
    edges = [
        {
            "source": source,
            "target": target,
            "value": len(found),
            "average_conversion_time": sum(found, timedelta())
            / timedelta(milliseconds=len(found)),
        }
        for (source, target), found in gaps.items()
    ]
    edges.sort(key=lambda edge: (-edge["value"], edge["source"], edge["target"]))
    return {"edges": edges[: question.get("edge_limit")]}


def agrees(question, answered):
    """Compare edges in any order."""
    asked = question.expected
    wanted = asked["edges"] if isinstance(asked, dict) else asked
    return same(_sorted(answered["edges"]), _sorted(wanted))


def _sorted(edges):
    return sorted(edges, key=lambda edge: (edge["source"], edge["target"]))


def _items(question):
    return sorted({event["item"] for event in question["events"]})


def _path(question, place):
    return f"/{question.name}_item{place}"


def _gap(question):
    return timedelta(minutes=question.get("session_gap_minutes") or 30)


def _asked(question, at):
    first, last = question.get("date_from"), question.get("date_to")
    return not (
        (first and at < question.instant(first))
        or (last and at > question.instant(last))
    )


def _visits(seen, gap):
    """Cut where the gap is reached; a session of ours ends only beyond it."""
    visits = []
    for row in seen:
        if not visits or row[0] - visits[-1][-1][0] >= gap:
            visits.append([])
        visits[-1].append(row)
    return visits


def _without_repeats(visit):
    """Keep the last of what came again right after itself."""
    return [
        row
        for row, following in zip(visit, [*visit[1:], None], strict=True)
        if following is None or row[1] != following[1]
    ]
