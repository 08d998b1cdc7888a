"""Experiments: what SQL cannot do well about randomized comparisons.

Statistics over the counts that dbt made, and the stage that stores their results.
No event is read here and no unit is counted here: that is SQL in `dbt_project`.
"""
