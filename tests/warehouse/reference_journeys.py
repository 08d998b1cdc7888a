"""SEMANTICS 2.7 told session by session: slow, obvious, and no SQL."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from tests.warehouse.histories import Event
from tests.warehouse.reference_sessions import Session, double_views, find_sessions

SHAPES = {
    "number": r"[0-9]+",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "hexadecimal": r"[0-9a-fA-F]{16,}",
}
RULES = {
    "collapse_repeats": True,
    "events": ["search_performed", "conversion", "click"],
    "rewrites": [
        {"shape": "number", "after": "pages", "placeholder": ":page"},
        {"shape": "number", "placeholder": ":id"},
        {"shape": "uuid", "placeholder": ":id"},
        {"after": "users", "placeholder": ":user"},
    ],
}


def clean_path(path: str, rewrites: Sequence[dict[str, str]]) -> str:
    """Rewrite a path segment by segment, by the first rule that fits."""
    segments = [segment for segment in path.split("/") if segment]
    cleaned = []
    for previous, segment in zip([None, *segments], segments, strict=False):
        fitting = (
            rule["placeholder"]
            for rule in rewrites
            if ("after" not in rule or rule["after"] == previous)
            and ("shape" not in rule or re.fullmatch(SHAPES[rule["shape"]], segment))
        )
        cleaned.append(next(fitting, segment))
    return ("/" + "/".join(cleaned))[:200]


def session_paths(
    events: Sequence[Event], rules: dict = RULES
) -> Iterator[tuple[Session, list[str]]]:
    """Yield every counted session with its nodes."""
    doubles = double_views(events)
    for session in find_sessions(events):
        if session.is_excluded:
            continue
        nodes = []
        for event in session.interactive:
            if event.event_name == "page_view" and id(event) not in doubles:
                path = event.page_path
                nodes.append(
                    "page_view" if path is None else clean_path(path, rules["rewrites"])
                )
            elif event.event_name in rules["events"]:
                nodes.append(event.event_name)
        if rules["collapse_repeats"]:
            nodes = [node for node, _ in groupby(nodes)]
        yield session, nodes


def transitions(events: Sequence[Event], rules: dict = RULES) -> set[tuple]:
    """Return day, source, target, occurrences and sessions of every transition."""
    occurrences, sessions = Counter(), Counter()
    for session, nodes in session_paths(events, rules):
        day = session.interactive[0].occurred_on
        steps = list(pairwise(["start", *nodes, "end"]))
        occurrences.update((day, *step) for step in steps)
        sessions.update((day, *step) for step in set(steps))
    return {(*step, count, sessions[step]) for step, count in occurrences.items()}


def sequences(events: Sequence[Event], rules: dict = RULES) -> set[tuple]:
    """Return day, nodes, occurrences and sessions of every run of 3 to 5 nodes."""
    occurrences, sessions = Counter(), Counter()
    for session, nodes in session_paths(events, rules):
        day = session.interactive[0].occurred_on
        runs = [
            (day, tuple(nodes[first : first + length]))
            for length in (3, 4, 5)
            for first in range(len(nodes) - length + 1)
        ]
        occurrences.update(runs)
        sessions.update(set(runs))
    return {(*run, count, sessions[run]) for run, count in occurrences.items()}


def element_interactions(events: Sequence[Event]) -> set[tuple]:
    """Return the counts of every element by day, event and page."""
    done = defaultdict(list)
    for event in events:
        element = event.properties.get("element_id") or event.properties.get(
            "element_selector"
        )
        is_counted = event.is_interactive and not event.is_excluded
        if element and event.device_id and is_counted and "analytics" in event.purposes:
            page = (event.page_path or "")[:300]
            done[event.occurred_on, event.event_name, page, element].append(event)
    return {
        (
            *key,
            len(found),
            sum(event.properties.get("is_dead") is True for event in found),
            len({event.device_id for event in found}),
        )
        for key, found in done.items()
    }
