"""Readers find rows by whom or what, and when, without reading a table whole."""

import pytest

# The four that the sources ask for: of activity by user and by type, of conversions by
# type and of requests by endpoint, each with the time.
WANTED = {
    "person_events_daily": "(user_id, day)",
    "activity_buckets": "(event_name, bucket_at)",
    "activity_buckets of conversions": "(conversion_type, bucket_at)",
    "endpoint_buckets": "(endpoint, bucket_at)",
}


@pytest.mark.parametrize("table", WANTED)
def test_an_index_leads_from_whom_or_what_to_when(table, engaged):
    rows = engaged.rows(
        "select indexdef from pg_indexes where schemaname = 'published_data' "
        f"and tablename = '{table.partition(' ')[0]}'"
    )
    assert [row for row in rows if row.indexdef.endswith(WANTED[table])]
