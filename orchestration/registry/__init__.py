"""What a person edits in `registry/`: YAML to validated models to tables with history.

Reading is pure; one module compiles predicates to SQL, one stores. Nothing here knows
Dagster, landing files or models of dbt, and no other package reads registry YAML.
"""
