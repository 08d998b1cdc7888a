"""One definition of the registry, and all of them together."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from orchestration.registry.app_source import AppSource
from orchestration.registry.documents import Document, Path
from orchestration.registry.engagement import Engagement
from orchestration.registry.experiments import Experiment
from orchestration.registry.funnels import Funnel
from orchestration.registry.kinds import Metric, Report, Segment
from orchestration.registry.policies import Consent, Defaults, Retention
from orchestration.registry.problems import Problem
from orchestration.registry.retentions import RetentionGrid
from orchestration.registry.trends import Lifecycle, Trend

Kind = TypeVar("Kind", bound=BaseModel)


@dataclass(frozen=True)
class Entry:
    """One definition: what it is, what it says, and where a person wrote it."""

    kind: str
    id: str
    model: BaseModel
    document: Document
    at: Path = ()

    @property
    def body(self) -> dict[str, Any]:
        """Return what is stored: plain data under the names of the YAML."""
        return self.model.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def hash(self) -> str:
        """Return the hash of the body, equal for bodies that say the same."""
        return content_hash(self.body)

    def problem(self, path: Path, reason: str, allowed: str = "") -> Problem:
        """Return a problem at `path` of this definition."""
        return self.document.problem((*self.at, *path), reason, allowed)


class Compiled(NamedTuple):
    """A predicate as SQL: part 0 of a segment, parts from 1 of what has steps."""

    kind: str
    id: str
    part: int
    sql: str

    @property
    def hash(self) -> str:
        """Return the hash of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True)
class Registry:
    """Every definition in force, validated one by one and against each other."""

    entries: tuple[Entry, ...]
    compiled: tuple[Compiled, ...]

    @property
    def hash(self) -> str:
        """Return the hash of all definitions and of the SQL made of them."""
        entries = [[each.kind, each.id, each.hash] for each in self.entries]
        return content_hash([sorted(entries), sorted(self.compiled)])

    def consent(self) -> Consent:
        """Return the purposes and what makes each lawful."""
        return self._only(Consent)

    def retention(self) -> Retention:
        """Return how long each class of data is kept."""
        return self._only(Retention)

    def defaults(self) -> Defaults:
        """Return the numbers that many definitions share."""
        return self._only(Defaults)

    def engagement(self) -> Engagement:
        """Return the rules by which engagement is counted."""
        return self._only(Engagement)

    def funnels(self) -> dict[str, Funnel]:
        """Return the funnels by id."""
        return dict(self._all(Funnel))

    def segments(self) -> dict[str, Segment]:
        """Return the segments by id."""
        return dict(self._all(Segment))

    def experiments(self) -> dict[str, Experiment]:
        """Return the experiments by id."""
        return dict(self._all(Experiment))

    def metrics(self) -> dict[str, Metric]:
        """Return the metrics by id."""
        return dict(self._all(Metric))

    def reports(self) -> dict[str, Report]:
        """Return the reports by id."""
        return dict(self._all(Report))

    def retention_grids(self) -> dict[str, RetentionGrid]:
        """Return the retention grids by id."""
        return dict(self._all(RetentionGrid))

    def trends(self) -> dict[str, Trend]:
        """Return the trends by id."""
        return dict(self._all(Trend))

    def lifecycles(self) -> dict[str, Lifecycle]:
        """Return the lifecycles by id."""
        return dict(self._all(Lifecycle))

    def app_sources(self) -> dict[str, AppSource]:
        """Return the operational databases by name."""
        return dict(self._all(AppSource))

    def entry(self, kind: str, id_: str) -> Entry:
        """Return one definition with its place in the files."""
        return next(
            each for each in self.entries if (each.kind, each.id) == (kind, id_)
        )

    def _all(self, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
        for entry in self.entries:
            if isinstance(entry.model, kind):
                yield entry.id, entry.model

    def _only(self, kind: type[Kind]) -> Kind:
        return next((model for _, model in self._all(kind)))


def content_hash(content: object) -> str:
    """Return the hash of plain data, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
