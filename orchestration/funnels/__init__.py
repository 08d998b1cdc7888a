"""Funnels tried before they are merged: counts, people at the edges, cost.

Here lives the command that evaluates one file against the warehouse as it is, and
stores nothing. What a funnel is, is in `registry`; how it is evaluated is SQL: the
functions of schema `funnels` and the macros of `dbt_project`, used as a build does.
"""
