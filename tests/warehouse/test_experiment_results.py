import numpy as np
import pytest

from orchestration.experiments.arms import Arm, Counted, Measured, Terms
from orchestration.experiments.proportions import compare_proportions
from orchestration.experiments.results import conclude_results
from orchestration.experiments.storing import store_results


def results(*treated: int, control: tuple[int, int] = (1000, 200)):
    treatments = tuple(
        Arm(f"treatment_{place}", control[0], count, 4)
        for place, count in enumerate(treated)
    )
    arms = (Arm("control", *control, 3), *treatments)
    return conclude_results([Counted("e", Terms(), ((Measured("m"), arms),), 7)])


def stored(connection):
    return connection.execute(
        "select variant, conversion_count, verdict, multi_arm_unit_count "
        "from experiments.experiment_results order by variant"
    ).fetchall()


def test_the_same_results_change_nothing(connection):
    assert store_results(connection, results(300)) == 1
    assert store_results(connection, results(300)) == 0
    assert stored(connection) == [("treatment_0", 300, "ship", 7)]


def test_an_undefined_p_value_changes_nothing_either(connection):
    nothing = results(60, control=(60, 60))
    assert store_results(connection, nothing) == 1
    assert store_results(connection, nothing) == 0


def test_an_arm_that_is_gone_leaves_the_table(connection):
    store_results(connection, results(300, 200))
    assert store_results(connection, results(301)) == 2
    assert stored(connection) == [("treatment_0", 301, "ship", 7)]


def test_the_z_test_in_sql_equals_that_of_python(connection):
    random = np.random.default_rng(20_261_120)
    units = np.exp(random.uniform(0, np.log(1e9), (300, 2))).astype(int)
    hits = random.binomial(units, random.uniform(0, 1, (300, 1)))
    cases = [
        *zip(hits[:, 0], units[:, 0], hits[:, 1], units[:, 1], strict=True),
        # Down to 1e-300, and to where nothing is known of the spread.
        *((100_000, 1_000_000, hit, 1_000_000) for hit in range(100_000, 116_100, 700)),
        *((0, 9, 0, 5), (9, 9, 5, 5), (1, 1, 0, 10**9)),
    ]
    columns = np.array(cases).T
    expected = compare_proportions(
        control_conversions=columns[0],
        control_units=columns[1],
        treatment_conversions=columns[2],
        treatment_units=columns[3],
    )
    for place, case in enumerate(cases):
        difference, z_score, p_value = connection.execute(
            "select * from published.compare_proportions(%s, %s, %s, %s)",
            [int(each) for each in case],
        ).fetchone()
        assert difference == pytest.approx(expected.difference[place], rel=1e-9)
        if np.isnan(expected.p_value[place]):
            assert (z_score, p_value) == (None, None)
            continue
        assert z_score == pytest.approx(expected.statistic[place], rel=1e-9, abs=1e-12)
        assert np.log10(p_value) == pytest.approx(
            np.log10(expected.p_value[place]), rel=1e-6, abs=1e-9
        )
