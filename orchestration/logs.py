"""How much each part of the house says: a level per package, from the settings."""

import logging
from collections.abc import Mapping

ROOT = "orchestration"


def set_levels(levels: Mapping[str, str]) -> None:
    """Give packages their levels; those that are not named keep what they have.

    Without a handler of anybody's, what is asked for goes to standard error.
    """
    if levels:
        logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    for package, level in levels.items():
        logging.getLogger(f"{ROOT}.{package}").setLevel(level.upper())
