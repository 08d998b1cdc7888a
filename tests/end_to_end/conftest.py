"""One simulated marketplace, lived through night by night, shared by all tests here."""

import pytest

from tests.end_to_end.house import WORLD, live_through, made_database


@pytest.fixture(scope="session")
def story(server_url, template_database, tmp_path_factory):
    """A world delivered in three parts, each loaded, built and published."""
    folder = tmp_path_factory.mktemp("story")
    with (
        made_database(server_url, "story_app") as app_url,
        made_database(server_url, "story", template=template_database) as url,
    ):
        yield live_through(WORLD, url=url, app_url=app_url, folder=folder)


@pytest.fixture
def copy_of_story(server_url, story):
    """Another warehouse with the same tables, to do as one pleases."""
    with made_database(server_url, "story_copy", template="story") as url:
        yield story.house.elsewhere(url)
