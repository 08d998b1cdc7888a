"""The Daybook code location: every step from landing file to report, one package each.

Packages are named for a step, never for a tool. Nothing at this level computes
anything: here is the wiring (definitions, schedules, sensors, resources), the
settings and the thin command line.
"""
