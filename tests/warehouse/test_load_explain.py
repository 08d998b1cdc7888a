"""Every record of a file gets an outcome and a reason, and nothing is written."""

import io

from orchestration.raw.explain import Explained, explain
from orchestration.raw.loading import read_circumstances
from orchestration.raw.sources import load_source
from tests.warehouse.landing_world import NOW, World, event, ndjson, packed


def explained(world, content: bytes) -> list[Explained]:
    source = load_source(world.settings.registry_dir / "sources" / "web.yml")
    circumstances = read_circumstances(world.settings, now=NOW)
    return list(
        explain(
            io.BytesIO(content),
            name="web/1.ndjson",
            format=source.format,
            normalizer=circumstances.normalizer(source, arrived_at=NOW),
        )
    )


def test_each_line_says_its_outcome_and_why(database, connection, tmp_path):
    world = World(database, tmp_path)
    content = (
        ndjson(
            event("a"),
            event("a"),
            event("a", page_url="https://example.com/other"),
            event("b", properties={"surprise": 1}),
            event("c", event_name="unheard_of"),
            event("d", consent=[]),
        )
        + b"{\n"
    )

    assert explained(world, content) == [
        (1, "accepted", "", ""),
        (2, "duplicate", "same_id_same_payload", ""),
        (3, "conflict", "same_id_other_payload", ""),
        (4, "accepted_with_violation", "soft_rule", ""),
        (5, "quarantined", "unknown_event", "/event_name"),
        (6, "not_consented", "no_purpose", ""),
        (7, "quarantined", "invalid_json", ""),
    ]
    for table in ("ops.loads", "raw.events", "raw.set_aside"):
        assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)


def test_a_damaged_file_is_explained_up_to_its_damage(database, tmp_path):
    world = World(database, tmp_path)
    content = packed(ndjson(event("a"), event("b")))[:-9]
    assert explained(world, content)[-1] == (0, "refused", "truncated_compressed", "")
