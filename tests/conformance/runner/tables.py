"""Questions that a case asks with a table of events instead of lines of JSON."""

import csv
import json

from tests.conformance.runner.questions import CASES, Question

# Longer than anything in the table: the package has no window at all.
NO_WINDOW = {"n": 366, "unit": "day"}


def read_funnel_tables(folder=CASES):
    """Return one question for each case of `funnel/` that is a table of events."""
    files = sorted((folder / "funnel").glob("*/case.json"))
    return [_funnel(file, number) for number, file in enumerate(files)]


def _funnel(file, number):
    steps = json.loads(file.read_text(encoding="utf-8"))["expected"]["steps"]
    with (file.parent / "events.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    # Days are all that is known: what happened on one day has no order.
    instants = [f"{row['date']}T00:00:00+00:00" for row in rows]
    body = {
        "id": file.parent.name,
        "kind": "funnel",
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
    return Question(f"f{number:04d}", f"funnel/{file.parent.name}", body)
