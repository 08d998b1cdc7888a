"""Questions with published answers, asked of our own tables; `make conformance`."""

import sys

import pytest

from tests.conformance.runner.agreement import agrees
from tests.conformance.runner.questions import CASES, Question, read_questions
from tests.conformance.runner.report import Outcome, ask_all, table
from tests.conformance.runner.tables import read_funnel_tables
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
UNKNOWN = Question("unknown", "made here", {"kind": "never_heard_of"})


@pytest.fixture(scope="module")
def outcomes(server_url, template_database, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "house"
    with made_database(server_url, "conformance", template=template_database) as url:
        asked = [*read_questions(), *read_funnel_tables(), *TWINS, UNKNOWN]
        return ask_all(asked, url=url, folder=folder)


def test_every_question_of_the_cases_is_answered_as_published(outcomes):
    asked = [each for each in outcomes if each.question.case != "made here"]
    sys.stdout.write(f"\n{table(asked)}\n")
    assert [each.line for each in asked if each.state == "failed"] == []


def test_sites_share_a_warehouse_and_nothing_in_it(outcomes):
    made = [each for each in outcomes if each.question.case == "made here"]
    assert [each.state for each in made] == ["passed", "passed", "skipped"], made
    assert made[-1].reason == "no plug-in for the kind never_heard_of"


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
