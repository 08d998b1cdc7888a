import os
import stat

import pytest

from orchestration import settings as module
from orchestration.settings import (
    Settings,
    SettingsError,
    export_environment,
    read_or_create_secret,
    read_settings,
)


def test_without_any_variable_everything_lies_under_the_home():
    settings = read_settings({})
    assert settings.home == module.PROJECT_ROOT / ".daybook"
    assert settings.landing_url == str(settings.home / "landing")
    assert settings.registry_dir == module.PROJECT_ROOT / "registry"
    assert settings.timezone == "UTC"
    assert settings.database_url is None
    assert settings.app_database_url is None
    assert settings.dagster_url is None


def test_given_variables_are_taken(tmp_path):
    settings = read_settings(
        {
            "DAYBOOK_HOME": str(tmp_path),
            "DAYBOOK_DATABASE_URL": "postgresql://owner@host/daybook",
            "DAYBOOK_APP_DATABASE_URL": "postgres://reader@host/shop",
            "DAYBOOK_LANDING": "s3://bucket/landing",
            "DAYBOOK_REGISTRY": str(tmp_path / "definitions"),
            "DAYBOOK_TIMEZONE": "Europe/Berlin",
        }
    )
    assert settings.home == tmp_path
    assert settings.database_url == "postgresql://owner@host/daybook"
    assert settings.app_database_url == "postgres://reader@host/shop"
    assert settings.landing_url == "s3://bucket/landing"
    assert settings.registry_dir == tmp_path / "definitions"
    assert settings.timezone == "Europe/Berlin"


def test_an_empty_variable_counts_as_unset():
    assert read_settings({"DAYBOOK_TIMEZONE": ""}).timezone == "UTC"


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd"])
def test_an_unknown_time_zone_is_refused_by_name(timezone):
    with pytest.raises(SettingsError, match="DAYBOOK_TIMEZONE"):
        read_settings({"DAYBOOK_TIMEZONE": timezone})


def test_a_url_of_another_database_is_refused_without_its_password():
    with pytest.raises(SettingsError, match="DAYBOOK_DATABASE_URL") as refusal:
        read_settings({"DAYBOOK_DATABASE_URL": "mysql://owner:hunter2@host/daybook"})
    assert "hunter2" not in str(refusal.value)


def test_the_settings_do_not_print_secrets():
    printed = repr(
        read_settings(
            {
                "DAYBOOK_PSEUDONYM_KEY": "hunter2",
                "DAYBOOK_DATABASE_URL": "postgresql://owner:hunter3@host/daybook",
            }
        )
    )
    assert "hunter" not in printed


def test_the_file_env_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(
        "# a comment\n\nDAYBOOK_TIMEZONE='Europe/Berlin'\n"
        "export DAYBOOK_LANDING=/from/file\n"
    )
    monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)
    monkeypatch.delenv("DAYBOOK_TIMEZONE", raising=False)
    monkeypatch.setenv("DAYBOOK_LANDING", "/from/environment")
    settings = read_settings()
    assert settings.timezone == "Europe/Berlin"
    assert settings.landing_url == "/from/environment"


def test_the_pseudonym_key_is_made_once_and_for_its_owner_alone(tmp_path):
    settings = read_settings({"DAYBOOK_HOME": str(tmp_path / "home")})
    key = settings.pseudonym_key()
    assert len(key) >= 32
    assert settings.pseudonym_key() == key
    path = tmp_path / "home" / "pseudonym.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["pseudonym.key"]


def test_a_given_pseudonym_key_is_used_and_no_file_is_written(tmp_path):
    settings = read_settings(
        {"DAYBOOK_HOME": str(tmp_path), "DAYBOOK_PSEUDONYM_KEY": "given"}
    )
    assert settings.pseudonym_key() == b"given"
    assert not list(tmp_path.iterdir())


def test_an_emptied_secret_is_not_replaced_silently(tmp_path):
    (tmp_path / "secret").touch()
    with pytest.raises(SettingsError, match="is empty"):
        read_or_create_secret(tmp_path / "secret")


@pytest.fixture
def exported(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", dict(os.environ))

    def export(url, **given) -> dict[str, str]:
        settings: Settings = read_settings({"DAYBOOK_HOME": str(tmp_path), **given})
        return export_environment(settings, url)

    return export


def test_dbt_is_told_of_a_socket(exported):
    told = exported("postgresql://daybook@/daybook?host=/run/daybook&port=20001")
    assert told["DAYBOOK_DBT_HOST"] == "/run/daybook"
    assert told["DAYBOOK_DBT_PORT"] == "20001"
    assert told["DAYBOOK_DBT_USER"] == "daybook"
    assert told["DAYBOOK_DBT_PASSWORD"] == ""
    assert told["DAYBOOK_DBT_DBNAME"] == "daybook"
    assert told["DAYBOOK_DAGSTER_URL"] == (
        "postgresql://daybook@/daybook_dagster?host=/run/daybook&port=20001"
    )


def test_dbt_is_told_of_a_host_and_a_password_with_odd_characters(exported):
    told = exported("postgresql://owner:p%40ss%2Fword@db.internal/daybook")
    assert told["DAYBOOK_DBT_HOST"] == "db.internal"
    assert told["DAYBOOK_DBT_PORT"] == "5432"
    assert told["DAYBOOK_DBT_PASSWORD"] == "p@ss/word"


def test_a_given_dagster_storage_is_kept(exported):
    own = "postgresql://owner@elsewhere/storage"
    told = exported("postgresql://owner@host/daybook", DAYBOOK_DAGSTER_URL=own)
    assert told["DAYBOOK_DAGSTER_URL"] == own


def test_children_see_what_was_exported(exported):
    told = exported("postgresql://owner@host/daybook")
    assert told.items() <= os.environ.items()
    assert told["DAGSTER_DISABLE_TELEMETRY"] == "1"
    assert told["DO_NOT_TRACK"] == "1"
    assert told["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert told["GX_ANALYTICS_ENABLED"] == "false"
