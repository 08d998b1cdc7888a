"""Quality: checks across tables, expectations, anomaly rules, and publishing.

A check recomputes a number by another route than the model took. Rules about one
table live in that table's YAML in `dbt_project`.
"""
