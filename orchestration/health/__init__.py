"""Health: what a person must know, and whether they were told.

Reads Postgres and the clock, never Dagster, so that it still speaks when Dagster
does not. Checks of the numbers live in `quality`.
"""
