"""A landing store and a registry in a folder, for tests of the whole loading path."""

import gzip
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from orchestration.raw.loading import load_landing
from orchestration.raw.reports import LoadReport
from orchestration.settings import Settings

REGISTRY = Path(__file__).parents[2] / "registry"
NOW = datetime(2026, 1, 10, 8, tzinfo=UTC)
SETTLED = datetime(2026, 1, 10, 7, tzinfo=UTC).timestamp()

SOURCE = """\
name: {name}
description: Events made by a test.
owner: tests
path: {name}
"""


class World:
    """What a test lays into the landing store, and loads."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.settings = Settings(
            home=folder,
            database_url=url,
            landing_url=str(folder / "landing"),
            app_database_url=None,
            registry_dir=folder / "registry",
            timezone="UTC",
            pseudonym_key_text="a key for tests",
        )
        self.landing = folder / "landing"
        self.landing.mkdir(parents=True)
        shutil.copytree(REGISTRY / "contracts", folder / "registry" / "contracts")
        (folder / "registry" / "sources").mkdir()
        self.source("web")

    def source(self, name: str, text: str = "") -> None:
        """Declare a source, with more lines of YAML."""
        path = self.settings.registry_dir / "sources" / f"{name}.yml"
        path.write_text(SOURCE.format(name=name) + text)

    def put(self, name: str, content: bytes, *, at: float = SETTLED) -> Path:
        """Lay a file down that was last written a while ago."""
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))
        return path

    def load(self, **options: object) -> LoadReport:
        return load_landing(
            self.url, **{"settings": self.settings, "now": NOW, **options}
        )


def event(event_id: str | None, **fields: object) -> dict:
    return {
        "event_id": event_id,
        "event_name": "page_view",
        "occurred_at": "2026-01-05T12:00:00Z",
        "received_at": "2026-01-05T12:00:01Z",
        "device_id": "d1",
        "page_url": "https://example.com/",
        "properties": {},
        **fields,
    }


def ndjson(*events: dict) -> bytes:
    lines = ({k: v for k, v in made.items() if v is not None} for made in events)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
