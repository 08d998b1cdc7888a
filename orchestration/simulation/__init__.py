"""A marketplace with known truth: the demo, the tests and the benchmarks run on it.

Plans persons, visits and bookings from a seed, emits them as landing files and as the
tables of an operational database, and writes what is true beside them. The truth comes
from the plan alone: nothing here reads the warehouse or repeats its SQL.
"""
