"""SEMANTICS 2.6 in plain Python: existence over all choices of rows, and no SQL."""
