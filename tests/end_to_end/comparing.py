"""Numbers that readers see, and where they differ from what they should be."""


def metrics(story):
    """Return numerator and denominator by day, metric and dimension."""
    rows = story.house.rows(
        """
        select day, metric_id, dimension, dimension_value, numerator, denominator
        from published.metrics_daily
        """
    )
    return {row[:4]: row[4:] for row in rows}


def of(found, metric):
    """Return the days on which a metric is not zero."""
    return {
        day: int(numerator)
        for (day, name, dimension, _), (numerator, _) in found.items()
        if (name, dimension) == (metric, "all") and numerator
    }


def nonzero(counts):
    return {key: count for key, count in counts.items() if count}


def assert_equal(found, expected, *, left_out=0):
    """Compare two dicts, and say in few lines where they differ."""
    wrong = [
        (key, found.get(key), expected.get(key))
        for key in sorted(found.keys() | expected.keys(), key=str)
        if found.get(key) != expected.get(key)
    ]
    shown = "\n".join(
        f"{key}: found {ours}, expected {truth}" for key, ours, truth in wrong[:10]
    )
    assert not wrong, (
        f"{len(wrong)} of {len(expected)} differ, {left_out} devices left out\n{shown}"
    )
