"""The warehouse itself: its embedded Postgres, connections and migrations.

Here lives what is needed before a first table can be read. What the tables mean,
who writes them and what may be read from them belongs to the package of each step.
"""
