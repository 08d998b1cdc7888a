"""What readers see of segments: who was a member when, and how many there were."""

from orchestration.quality.published_tables import PublishedTable

MEMBERS = PublishedTable(
    name="segment_members",
    schema="segments",
    made_as="members",
    key=("segment_id", "person_id", "entered_on"),
    description=(
        "One row per stay of a person in a segment: a member on every evaluated day "
        "from entered_on up to, and without, left_on."
    ),
    column_descriptions=(
        ("left_on", "Null while the person is a member."),
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
