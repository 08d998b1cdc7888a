"""Builds: what the next one has to do, who may write, and what it settled.

Here lives everything between an accepted row and a dbt model: claims, extents,
definition hashes, the fence, the plan and the one dbt invocation. What a model means
is SQL in dbt_project; who may read the result is decided in `quality.publishing`.
"""
