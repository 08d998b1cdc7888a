"""Worlds that tests copy, since making one takes longer than spoiling it."""

from collections.abc import Iterator

import pytest

from tests.warehouse.engaged_world import EngagedWorld, engaged_world
from tests.warehouse.erasure_world import (
    ErasureWorld,
    copied_world,
    fresh_database,
    made_world,
)


@pytest.fixture(scope="session")
def pristine(server_url, template_database, tmp_path_factory) -> Iterator[ErasureWorld]:
    """A small marketplace, simulated, loaded, built and published; never spoiled."""
    with made_world(
        server_url, template_database, tmp_path_factory.mktemp("pristine")
    ) as made:
        yield made


@pytest.fixture
def simulated_world(pristine, server_url, tmp_path) -> Iterator[ErasureWorld]:
    """A copy of the small marketplace."""
    with copied_world(pristine, server_url, tmp_path) as copy:
        yield copy


@pytest.fixture(scope="session")
def engaged(server_url, template_database) -> Iterator[EngagedWorld]:
    """Five weeks of a small house, built and published; only to be read."""
    with (
        fresh_database(server_url, template_database) as url,
        engaged_world(url) as world,
    ):
        yield world
