"""The queries that the guide shows run for readers, and find their rows by an index."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "read-numbers.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def scans(plan):
    """Yield (kind of scan, table) of everything that a plan reads."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan["Node Type"], plan.get("Relation Name")
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_query_of_the_guide_is_answered_by_an_index(query, story):
    with story.house.connection() as reader, reader.transaction():
        # Small tables are read whole, unless that is dear.
        reader.execute("set local enable_seqscan = off")
        reader.execute("set local role bi_reader")
        reader.execute(query)
        ((plan,),) = reader.execute(f"explain (format json) {query}").fetchone()
    whole = {table for kind, table in scans(plan["Plan"]) if kind == "Seq Scan"}
    assert whole <= {"status"}


def test_the_guide_shows_queries():
    assert len(QUERIES) > 5
