"""What normalising does to text that a row may not keep as it came."""

from tests.unit.normalizing import made_source, one_row


def test_what_a_source_lets_run_on_is_cut_and_flagged():
    source = made_source(truncated={"page_title": 5})
    row = one_row(source=source, page_title="x" * 70_000)
    assert row["properties"]["page_title"] == "xxxxx"
    assert row["has_violation"]


def test_free_text_is_masked_and_flagged():
    row = one_row(
        event_name="search_performed",
        properties={"query": "mail ada@example.org card 4111 1111 1111 1111"},
    )
    assert row["properties"]["query"] == "mail [email] card [card]"
    assert row["has_violation"]
