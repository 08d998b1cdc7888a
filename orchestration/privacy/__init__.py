"""Privacy: taking one person out of every place, and keeping nothing too long.

Here live erasure, the suppression list that loads ask, the search that proves an
erasure, its receipts, and retention. What a place holds is said in `places.yml` and in
the models' YAML; no other package deletes personal rows.
"""
