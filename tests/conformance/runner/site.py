"""Many questions in one warehouse: landing file, registry, loader and one build."""

import json
import os
import shutil
from datetime import timedelta

import yaml

from orchestration.registry.reading import LISTS, SINGLE_FILES
from tests.conformance.runner.kinds import plugin
from tests.conformance.runner.questions import ROOT
from tests.end_to_end.house import House

SOURCE = """\
name: sites
description: The small sites of all questions.
owner: tests
path: sites
format: ndjson
unknown_events: custom
"""

# Of our own definitions only what every registry needs; the questions bring theirs.
_OURS = ("contracts", *LISTS, *SINGLE_FILES)
_LANDED_AT = 1_767_000_000


def raw_events(question):
    """Return the events of a question as its landing file has them."""
    made = getattr(plugin(question.kind), "events", None)
    if made is not None:
        return made(question)
    return [plain_event(question, event) for event in question["events"]]


def plain_event(question, event):
    """Return one event under names of the question; what else it says is properties."""
    known = {"user", "ts", "event"}
    return {
        "event_name": question.event(event.get("event")).removeprefix("custom."),
        "user_id": question.user(event["user"]),
        "occurred_at": question.instant(event["ts"]).isoformat(),
        "properties": {
            name: value
            for name, value in event.items()
            if name not in known and value is not None
        },
    }


def write_registry(folder, questions):
    """Write a registry of the definitions that the questions are asked with."""
    folder.mkdir(parents=True)
    for name in _OURS:
        source = ROOT / "registry" / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    # The sites are older than anything we would keep.
    kept = folder / "retention.yml"
    kept.write_text(kept.read_text().replace("days: 365", "days: 10000"))
    files = {"sources/sites.yml": SOURCE}
    for question in questions:
        files |= plugin(question.kind).definitions(question)
    for name, content in files.items():
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def build_site(questions, *, url, folder):
    """Send every question the way that all data goes; return the house it lives in."""
    write_registry(folder / "registry", questions)
    house = House(url, folder, registry=folder / "registry")
    landed = house.landing / "sites" / "sites.ndjson"
    landed.parent.mkdir()
    latest = None
    with landed.open("w") as file:
        for question in questions:
            for place, event in enumerate(raw_events(question)):
                line = {"event_id": f"{question.name}-{place:05d}", **event}
                file.write(json.dumps(line) + "\n")
                instant = question.instant(event["occurred_at"])
                latest = max(latest or instant, instant)
    os.utime(landed, (_LANDED_AT, _LANDED_AT))
    report = house.night(now=latest + timedelta(days=60))
    counts = report.counts
    assert counts.record_count == counts.accepted_count, counts
    assert house.conservation() == []
    return house
