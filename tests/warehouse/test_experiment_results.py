from orchestration.experiments.results import Arm, Rules, compare_arms, store_results


def result(treated: int, variant: str = "treatment"):
    return compare_arms(
        "e",
        "m",
        control=Arm("control", 1000, 200, 3),
        treatment=Arm(variant, 1000, treated, 4),
        rules=Rules(0.05, 50, 5),
    )


def stored(connection):
    return connection.execute(
        "select variant, conversion_count, verdict, multi_arm_unit_count "
        "from experiments.experiment_results order by variant"
    ).fetchall()


def test_the_same_results_change_nothing(connection):
    assert store_results(connection, [result(260)]) == 1
    assert store_results(connection, [result(260)]) == 0
    assert stored(connection) == [("treatment", 260, "better", 7)]


def test_an_undefined_p_value_changes_nothing_either(connection):
    nothing = compare_arms(
        "e",
        "m",
        control=Arm("control", 60, 60, 0),
        treatment=Arm("treatment", 60, 60, 0),
        rules=Rules(0.05, 50, 5),
    )
    assert store_results(connection, [nothing]) == 1
    assert store_results(connection, [nothing]) == 0


def test_an_arm_that_is_gone_leaves_the_table(connection):
    store_results(connection, [result(260), result(200, "other")])
    assert store_results(connection, [result(261)]) == 2
    assert stored(connection) == [("treatment", 261, "better", 7)]
