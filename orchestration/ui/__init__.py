"""The Dagster UI on loopback, and the guard that stands in front of it.

No page and no data of ours live here: the UI is Dagster's.
"""
