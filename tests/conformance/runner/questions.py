"""Questions of the cases: a line of `neutral.jsonl` each, isolated from the rest."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.warehouse.reference_periods import Clock

ROOT = Path(__file__).parents[3]
CASES = Path(os.environ.get("DAYBOOK_CASES", ROOT.parent / "shared" / "cases"))


@dataclass(frozen=True)
class Question:
    """One small site, what is asked of it, and the right answer.

    Attributes
    ----------
    name : str
        Tells it from every other question of the run; definitions, events and users
        of the question carry it.
    case : str
        The folder it comes from, below the folder of all cases.
    body : dict
        The line as it was read.
    """

    name: str
    case: str
    body: dict

    @property
    def kind(self):
        return self.body["kind"]

    @property
    def expected(self):
        return self.body["expected"]

    @property
    def title(self):
        return str(self.body.get("id", self.name))

    @property
    def zone(self):
        return ZoneInfo(self.body.get("timezone") or "UTC")

    def __getitem__(self, key):
        return self.body[key]

    def get(self, key, default=None):
        return self.body.get(key, default)

    @cached_property
    def _events(self):
        """Every event name of the site and of the question, in a fixed order."""
        names = {event["event"] for event in self.body["events"] if "event" in event}
        return sorted(names | set(_named(self.body)))

    def event(self, name):
        """Return what an event of the site is called in our warehouse."""
        known = self._events
        place = known.index(name) if name in known else len(known)
        return f"custom.{self.name}_{place}"

    def happenings(self, names):
        """Return events of a definition, one of which must happen."""
        # Nobody sends the event after the last one: no alternative never happens.
        return [{"event": self.event(name)} for name in names or [None]]

    def user(self, name):
        """Return the login id of a user of the site in our warehouse."""
        return f"{self.name} {name}"

    def user_of(self, login):
        """Return the user of the site behind a login id of our warehouse."""
        return login.removeprefix(f"{self.name} ")

    def instant(self, text):
        """Return an instant; one without zone is a reading of the question's clock."""
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=self.zone)).astimezone(UTC)

    @property
    def clock(self):
        """Return the clock by which the question's periods are."""
        week_starts = (self.get("week_starts") or "Sunday").lower()
        return Clock(zone=self.zone, week_starts=week_starts)


def _named(body):
    """Yield the event names that a question asks about, wherever they stand."""
    for key in ("target", "returning"):
        yield from body.get(key) or []
    for series in body.get("series") or []:
        yield from series["events"]
    for step in body.get("steps") or []:
        yield from [step] if isinstance(step, str) else step
    for exclusion in body.get("exclusions") or []:
        yield from exclusion["events"]


def read_questions(folder=CASES):
    """Return the questions of every case folder, in the order of their paths."""
    questions = []
    for file in sorted(folder.rglob("neutral.jsonl")):
        case = file.parent.relative_to(folder).as_posix()
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                name = f"q{len(questions):04d}"
                questions.append(Question(name, case, json.loads(line)))
    return questions
