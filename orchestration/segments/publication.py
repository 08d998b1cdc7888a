"""What readers see of segments: who is a member, and how many there were each day.

Stays that are over are not published: they grow with every day, and a publication
compares all it has. `segments.members` answers who was a member on some day.
"""

from orchestration.quality.published_tables import PublishedTable

MEMBERS = PublishedTable(
    name="segment_members",
    schema="segments",
    made_as="current",
    key=("segment_id", "person_id"),
    description=(
        "One row per segment and member, as of the newest day in segment_sizes."
    ),
    column_descriptions=(
        ("entered_on", "First day of the present stay."),
        ("definition_version", "Of the definition under which the person entered."),
    ),
)
SIZES = PublishedTable(
    name="segment_sizes",
    schema="segments",
    made_as="sizes",
    day="day",
    key=("segment_id", "day"),
    description="One row per segment and evaluated day: its size, who came, who left.",
)
TABLES = (MEMBERS, SIZES)
