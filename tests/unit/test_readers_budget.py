"""The budget of readers: which questions are asked, and when the benchmark fails."""

from datetime import date

import pytest

from benchmarks.readers import VIEWS, Waits, questions, slow

pytestmark = pytest.mark.thorough  # the benchmark imports all that a night needs


def test_every_query_of_the_guide_is_asked_about_the_last_month():
    asked = questions(date(2026, 10, 29))
    guide = [query for name, query in asked.items() if name not in VIEWS]
    assert len(guide) > 5
    assert not any("2026-01" in query for query in guide)
    assert any("between '2026-09-29' and '2026-10-29'" in query for query in guide)


def test_a_question_is_too_slow_by_its_median_alone_not_by_one_try_or_a_night():
    waits = {
        "quick": Waits([0.1, 0.2, 9.0], [5.0]),
        "slow": Waits([0.9, 1.1, 1.2], [0.1]),
    }
    assert slow(waits, budget=1.0) == ["slow"]
    assert slow(waits, budget=2.0) == []
