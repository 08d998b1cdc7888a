"""Who is who, as a pure function of the evidence in raw.

Here lives the prepare stage of a build: it reads raw, never a model, and says which
days it made stale. `resolution` is the pure core. How a person_id is made of its
result is SQL in dbt_project.
"""
