"""Each part of the house can be asked to say more, by the environment."""

import logging

import pytest

from orchestration.logs import set_levels
from orchestration.settings import SettingsError, read_settings


@pytest.fixture
def loggers():
    """The loggers that are told, and put back afterwards."""
    made = [logging.getLogger(f"orchestration.{name}") for name in ("raw", "health")]
    before = [logger.level for logger in made]
    yield made
    for logger, level in zip(made, before, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("loggers")
def test_a_package_says_what_it_is_asked_for_and_others_what_they_did(caplog):
    told = read_settings({"DAYBOOK_LOG_LEVELS": " raw=debug,health = error "})
    assert told.log_levels == {"raw": "debug", "health": "error"}
    set_levels(told.log_levels)
    for package in ("raw.loading", "health.alerts", "quality.publishing"):
        logger = logging.getLogger(f"orchestration.{package}")
        logger.debug("%s in detail", package)
        logger.warning("%s is amiss", package)
    assert caplog.messages == [
        "raw.loading in detail",
        "raw.loading is amiss",
        "quality.publishing is amiss",
    ]


def test_unset_changes_nothing(loggers):
    assert read_settings({}).log_levels == {}
    before = [logger.level for logger in loggers]
    set_levels({})
    assert [logger.level for logger in loggers] == before


@pytest.mark.parametrize("wrong", ["rwa=debug", "raw=loud", "raw", "=debug"])
def test_a_package_or_level_that_nobody_has_is_refused_by_name(wrong):
    with pytest.raises(SettingsError, match="DAYBOOK_LOG_LEVELS"):
        read_settings({"DAYBOOK_LOG_LEVELS": wrong})
