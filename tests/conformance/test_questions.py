"""Questions with published answers, asked of our own tables; `make conformance`."""

import json
import sys
from itertools import pairwise

import pytest

from tests.conformance.runner.agreement import agrees
from tests.conformance.runner.kinds import reason_to_skip
from tests.conformance.runner.questions import CASES, Question, read_questions
from tests.conformance.runner.report import Outcome, ask_all, table
from tests.conformance.runner.tables import read_tables
from tests.end_to_end.house import made_database

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason="no cases: set DAYBOOK_CASES"
)


# The same users and events twice: what one site sent must not count for the other.
TWINS = [
    Question(
        f"twin{number}",
        "made here",
        {
            "kind": "landed",
            "timezone": "US/Pacific",
            "events": [
                {"user": "a b", "ts": f"2026-01-0{number}T23:00:00", "event": "$view"},
                {"user": "a b", "ts": f"2026-01-0{number}T23:00:00", "event": "$view"},
                {"user": "é", "ts": "2026-01-01T00:00:00+00:00", "event": "0"},
            ],
            "expected": [
                ["a b", "0", 2, f"2026-01-0{number + 1}T07:00:00+00:00"],
                ["é", "1", 1, "2026-01-01T00:00:00+00:00"],
            ],
        },
    )
    for number in (1, 2)
]
# No case asks these: what they ask and its answers are worked out by hand.
LIFECYCLE = Question(
    "lifecycle",
    "made here",
    {
        "kind": "lifecycle",
        "interval": "day",
        "events": [
            {"user": user, "ts": f"2026-01-{day:02}T12:00:00", "event": "seen"}
            for user, days in {
                "a": (11, 12, 13, 15),
                "b": (9, 12),
                "c": (12,),
                "d": (15,),
            }.items()
            for day in days
        ],
        "users": [
            {"user": user, "created_at": f"2026-01-{day:02}T12:00:00"}
            for user, day in {"a": 11, "b": 9, "c": 12, "d": 14}.items()
        ],
        "expected": {
            "days": [f"2026-01-{day}" for day in (12, 13, 14, 15, 16)],
            "new": [1, 0, 0, 0, 0],
            "returning": [1, 1, 0, 0, 0],
            "resurrecting": [1, 0, 0, 2, 0],
            "dormant": [0, -2, -1, 0, -2],
        },
    },
)
PATHS = Question(
    "paths",
    "made here",
    {
        "kind": "paths",
        "session_gap_minutes": 30,
        "step_limit": 3,
        "edge_limit": 3,
        "events": [
            {"user": user, "ts": f"2026-01-01T{time}+00:00", "item": item}
            for user, seen in {
                # 1 > 2 > 3, of which the fourth is one too many; then, when exactly
                # half an hour is over, from the start again.
                "a": "10:00:00 / 10:00:10 /1 10:00:10.5 /1 10:00:40.5 / "
                "10:00:50 /2 10:30:50 / 10:30:56 /2",
                "b": "23:59:58 / 23:59:59 / 23:59:59.5 /1 23:59:59.75 /",
            }.items()
            for time, item in pairwise(seen.split())
            if item.startswith("/")
        ],
        "expected": {
            "edges": [
                {
                    "source": source,
                    "target": target,
                    "value": value,
                    "average_conversion_time": milliseconds,
                }
                for source, target, value, milliseconds in (
                    ("1_/", "2_/1", 2, (10_500 + 500) / 2),
                    ("2_/1", "3_/", 2, (30_000 + 250) / 2),
                    ("1_/", "2_/2", 1, 6_000),
                )
            ]
        },
    },
)
UNKNOWN = Question("unknown", "made here", {"kind": "never_heard_of"})


@pytest.fixture(scope="module")
def outcomes(server_url, template_database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "house"
    with made_database(server_url, "conformance", template=template_database) as url:
        asked = [*read_questions(), *read_tables(), *TWINS, LIFECYCLE, PATHS, UNKNOWN]
        return ask_all(asked, url=url, folder=folder)


def test_every_question_of_the_cases_is_answered_as_published(outcomes):
    asked = [each for each in outcomes if each.question.case != "made here"]
    sys.stdout.write(f"\n{table(asked)}\n")
    assert [each.line for each in asked if each.state == "failed"] == []


def test_sites_share_a_warehouse_and_nothing_in_it(outcomes):
    made = [each for each in outcomes if each.question.case == "made here"]
    assert [each.state for each in made] == ["passed"] * 4 + ["skipped"], made
    assert made[-1].reason == "no plug-in for the kind never_heard_of"


def test_a_case_in_a_form_that_nobody_knows_is_skipped_and_counted(tmp_path):
    table = "user,event,date\n1,placed,2018-01-01\n"
    days = {"day0": 1, "day1": 0}
    for name, expected, rows in (
        ("funnel/no_table", {"steps": [{"event": "placed"}]}, None),
        ("funnel/no_answer", {}, table),
        ("retention/other_answer", {"week0": 1}, table),
        ("retention/known", days, table),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "case.json").write_text(json.dumps({"expected": expected}))
        if rows:
            (folder / "events.csv").write_text(rows)
    found = {each.case: reason_to_skip(each) for each in read_tables(tmp_path)}
    assert found.pop("retention/known") is None
    assert set(found.values()) == {"has no events or no expected answer"}
    assert len(found) == 3


def test_an_answer_that_differs_is_told_from_one_that_agrees():
    assert agrees({"counts": [1, 2.0000001], "more": 1}, {"counts": [1, 2]})
    assert not agrees({"counts": [1, 2.001]}, {"counts": [1, 2]})
    assert not agrees({"counts": [1]}, {"counts": [1, 2]})
    assert not agrees({}, {"counts": [1]})
    assert not agrees([None], [0])


def test_the_table_counts_what_failed_and_says_why_it_was_skipped():
    question = Question("q0000", "a/case", {"kind": "trend", "id": "trends/one#0"})
    told = table(
        [Outcome(question, "failed", "expected 1"), Outcome(question, "skipped", "no")]
    )
    assert "a/case       0       1        1  no" in told
    assert "trends/one#0: expected 1" in told
