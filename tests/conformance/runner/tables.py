"""Questions that a case asks with a table of events instead of lines of JSON."""

import csv
import json

from tests.conformance.runner.questions import CASES, Question

# Longer than anything in the table: the package has no window at all.
NO_WINDOW = {"n": 366, "unit": "day"}


def read_tables(folder=CASES):
    """Return one question for each case of `funnel/` and `retention/`."""
    questions = []
    for kind, asked in (("funnel", _funnel), ("retention", _retention)):
        for file in sorted((folder / kind).glob("*/case.json")):
            body = {"id": file.parent.name, "kind": kind}
            expected = json.loads(file.read_text(encoding="utf-8")).get("expected")
            table = file.parent / "events.csv"
            if expected and table.exists():
                with table.open(encoding="utf-8", newline="") as rows:
                    body |= asked(list(csv.DictReader(rows)), expected)
            case = f"{kind}/{file.parent.name}"
            questions.append(Question(f"c{len(questions):04d}", case, body))
    return questions


def _funnel(rows, expected):
    steps = expected.get("steps")
    if not steps:
        return {}
    # Days are all that is known: what happened on one day has no order.
    instants = [_instant(row["date"]) for row in rows]
    return {
        "has_order_in_file": False,
        "events": [
            {"user": row["user"], "event": row["event"], "ts": instant}
            for row, instant in zip(rows, instants, strict=True)
        ],
        "steps": [[step["event"]] for step in steps],
        "order": "ordered",
        "window": NO_WINDOW,
        "exclusions": [],
        "date_from": min(instants),
        "date_to": max(instants),
        "expected": {
            "counts": [step["users"] for step in steps],
            "rates_from_entry": [step["of_first"] for step in steps],
            "rates_from_previous": [step["of_previous"] for step in steps],
        },
    }


def _retention(rows, expected):
    """Ask who of the first day came again on each of the days that follow."""
    days = [f"day{place}" for place in range(len(expected))]
    if set(days) != set(expected):
        return {}
    return {
        "events": [
            {"user": row["user"], "event": "seen", "ts": _instant(row["date"])}
            for row in rows
        ],
        "target": ["seen"],
        "returning": ["seen"],
        "first_time_only": True,
        "period": "day",
        "periods": len(days),
        "cohorts": 1,
        "expected": {
            "first_period": _instant(min(row["date"] for row in rows)),
            "counts": [[expected[day] for day in days]],
        },
    }


def _instant(day):
    return f"{day}T00:00:00+00:00"
