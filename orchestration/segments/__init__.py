"""Segments: who belongs to which rule over persons, and since when.

Here lives the stage after dbt that says of every person what is known as of a day, and
opens and closes memberships where the compiled rules say so. No rule is compiled here:
that is `registry`; no event is read here and no person is resolved here: that is SQL in
`dbt_project`.
"""
