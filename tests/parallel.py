"""Who runs what, when tests run in several processes: a shared world in one of them.

Tests of a file stay together, and so do the files that share a world, since every
process makes its own. The mark of xdist for this does nothing under pytest 9.2.
"""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
# Fixtures of a session that take longer to make than most tests that look at them.
WORLDS = re.compile(r"\b(?:copy_of_)?(story)\b|\b(simulated_world|engaged)\b")
# Long groups first, so that one process does not wait for the other at the end.
FOLDERS = ("end_to_end", "conformance", "warehouse", "house", "unit")


class InGroups(LoadScopeScheduling):
    """Gives a process the next group of tests as soon as it is through with its own."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        # By default the most tests come first, which are the quickest ones.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid):
        return group_of(nodeid.partition("::")[0])


@cache
def group_of(file):
    """Return the world that the tests of a file share, or else the file."""
    found = WORLDS.search((ROOT / file).read_text()) if file.endswith(".py") else None
    return next(filter(None, found.groups())) if found else file


def turn_of(file):
    """Return a key that sorts the files whose tests take long before others."""
    folder = Path(file).parts[1]
    place = FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)
    return group_of(file) == file, place
