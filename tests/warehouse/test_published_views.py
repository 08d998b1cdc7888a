"""Views of ours are made once, granted once, and made anew when they read otherwise."""

import psycopg
import pytest

from orchestration.quality.published_views import ensure_views, published_views

FIRST = {
    "newest": "-- One row.\nselect max(at) as at\nfrom published.happenings\n",
    "happenings": "-- One row per thing\n-- that happened.\nselect 1 as at\n",
}


def views_of(folder, files):
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    return published_views(folder)


def test_a_view_comes_after_those_it_reads_and_says_what_a_row_is(tmp_path):
    views = views_of(tmp_path, FIRST)
    assert [view.name for view in views] == ["happenings", "newest"]
    assert views[0].description == "One row per thing that happened."
    assert views[1].parents == [["published", "happenings"]]


def test_a_view_that_does_not_say_what_a_row_is_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mute\.sql"):
        views_of(tmp_path, {"mute": "select 1 as at\n"})


def test_a_view_is_made_anew_only_when_it_reads_otherwise(connection, tmp_path):
    assert ensure_views(connection, views_of(tmp_path, FIRST)) == [
        "happenings",
        "newest",
    ]
    assert ensure_views(connection, views_of(tmp_path, FIRST)) == []
    more = "-- One row per thing.\nselect 1 as at, 2 as more\n"
    changed = views_of(tmp_path, {"happenings": more})
    assert ensure_views(connection, changed) == ["happenings"]
    connection.execute("set local role bi_reader")
    row = connection.execute("select at, more from published.happenings").fetchone()
    assert row == (1, 2)


def test_a_view_keeps_the_columns_that_readers_know(connection, tmp_path):
    ensure_views(connection, views_of(tmp_path, FIRST))
    less = views_of(tmp_path, {"happenings": "-- One row.\nselect 2 as other\n"})
    with pytest.raises(psycopg.errors.InvalidTableDefinition):
        ensure_views(connection, less)
