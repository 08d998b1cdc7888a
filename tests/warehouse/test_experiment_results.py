from orchestration.experiments.arms import Arm, Counted, Measured, Terms
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
