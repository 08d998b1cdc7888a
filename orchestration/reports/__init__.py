"""Reports: published numbers, rendered for people.

Each report is a pure module (numbers in, bytes out) and a line in the ledger of
executions. Nothing is computed here that a mart could hold.
"""
