"""Every DAYBOOK_ variable, read once, and what dbt and Dagster are told of them.

No other module reads the environment; `.env.example` lists the variables.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.conninfo import conninfo_to_dict

from orchestration.warehouse.connection import sibling_url

_HERE = Path(__file__).resolve().parents[1]
PROJECT_ROOT = _HERE if (_HERE / "pyproject.toml").exists() else Path.cwd()

# Said to every tool that would otherwise phone home or look for a newer version.
_SILENCE = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
}

_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """A setting that cannot be used, and why."""


@dataclass(frozen=True)
class Settings:
    """What this installation was told about its surroundings.

    Attributes
    ----------
    home : Path
        Where everything Daybook writes to disk lives.
    database_url : str or None
        The warehouse; None means the embedded Postgres under `home`.
    landing_url : str
        Folder or fsspec URL in which sources put their files.
    app_database_url : str or None
        The operational database; None means `daybook_app` beside the warehouse.
    registry_dir : Path
        The reviewed definitions.
    timezone : str
        IANA name of the zone whose days are called days.
    reporting_currency : str
        ISO 4217 code of the currency in which sums over currencies are told.
    dagster_url : str or None
        Dagster's own storage; None means `daybook_dagster` beside the warehouse.
    pseudonym_key_text : str or None
        The pseudonym key as given; None means the file in `home`.
    alert_webhook : str or None
        Where alerts are sent besides the log.
    log_levels : mapping of str to str
        How much a package of ours says, by its name.
    """

    home: Path
    # URLs hold passwords: not printed.
    database_url: str | None = field(repr=False)
    landing_url: str = field(repr=False)
    app_database_url: str | None = field(repr=False)
    registry_dir: Path
    timezone: str
    reporting_currency: str = "EUR"
    dagster_url: str | None = field(default=None, repr=False)
    pseudonym_key_text: str | None = field(default=None, repr=False)
    alert_webhook: str | None = field(default=None, repr=False)
    log_levels: Mapping[str, str] = field(default_factory=dict)

    def pseudonym_key(self) -> bytes:
        """Return the key of intake pseudonyms, made on first use if none was given."""
        if self.pseudonym_key_text:
            return self.pseudonym_key_text.encode()
        return read_or_create_secret(self.home / "pseudonym.key").encode()


def read_or_create_secret(path: Path) -> str:
    """Return the secret in `path`, written on first use for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Written beside and linked into place: two first users agree on one secret,
        # and nobody ever reads half of it.
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    secret = path.read_text().strip()
    if not secret:
        msg = f"{path} is empty; restore it from a backup or delete it to start anew"
        raise SettingsError(msg)
    return secret


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment, which wins over the file `.env`."""
    if environment is None:
        environment = {**_read_env_file(PROJECT_ROOT / ".env"), **os.environ}
    given = {name: value for name, value in environment.items() if value}
    home = Path(given.get("DAYBOOK_HOME", PROJECT_ROOT / ".daybook"))
    home = home.expanduser().absolute()
    timezone = given.get("DAYBOOK_TIMEZONE", "UTC")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"DAYBOOK_TIMEZONE: no time zone is called {timezone!r}"
        raise SettingsError(msg) from None
    return Settings(
        home=home,
        database_url=_postgres_url(given, "DAYBOOK_DATABASE_URL"),
        landing_url=given.get("DAYBOOK_LANDING", str(home / "landing")),
        app_database_url=_postgres_url(given, "DAYBOOK_APP_DATABASE_URL"),
        registry_dir=Path(
            given.get("DAYBOOK_REGISTRY", PROJECT_ROOT / "registry")
        ).absolute(),
        timezone=timezone,
        reporting_currency=_currency(given.get("DAYBOOK_REPORTING_CURRENCY", "EUR")),
        dagster_url=_postgres_url(given, "DAYBOOK_DAGSTER_URL"),
        pseudonym_key_text=given.get("DAYBOOK_PSEUDONYM_KEY"),
        alert_webhook=given.get("DAYBOOK_ALERT_WEBHOOK"),
        log_levels=_log_levels(given.get("DAYBOOK_LOG_LEVELS", "")),
    )


# Told to dbt by whoever runs a build: which, and what it may read.
BUILD_VARIABLE = "DAYBOOK_BUILD"


def export_environment(settings: Settings, url: str) -> dict[str, str]:
    """Tell this process and its children about the warehouse at `url`.

    Returns what was exported: names that dbt, Dagster and our own child processes
    read. They find the running server by its URL and never start one.
    """
    exported = {
        **_SILENCE,
        "DAYBOOK_HOME": str(settings.home),
        "DAYBOOK_DATABASE_URL": url,
        "DAYBOOK_LANDING": settings.landing_url,
        "DAYBOOK_REGISTRY": str(settings.registry_dir),
        "DAYBOOK_TIMEZONE": settings.timezone,
        "DAYBOOK_REPORTING_CURRENCY": settings.reporting_currency,
        "DAYBOOK_DAGSTER_URL": settings.dagster_url
        or sibling_url(url, "daybook_dagster"),
        **_dbt_environment(url),
        "DBT_PROFILES_DIR": str(PROJECT_ROOT / "dbt_project"),
        "DBT_TARGET_PATH": str(settings.home / "dbt" / "target"),
        "DBT_LOG_PATH": str(settings.home / "dbt" / "logs"),
        "DAGSTER_HOME": str(PROJECT_ROOT),
        "DAYBOOK_DAGSTER_FILES": str(settings.home / "dagster"),
        # The default of 5 a tick lets failures wait for days behind a backlog.
        "DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT": "25",
    }
    os.environ.update(exported)
    return exported


def _dbt_environment(url: str) -> dict[str, str]:
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return {
        "DAYBOOK_DBT_HOST": given.get("host", ""),
        "DAYBOOK_DBT_PORT": given.get("port", "5432"),
        "DAYBOOK_DBT_USER": given.get("user", ""),
        "DAYBOOK_DBT_PASSWORD": given.get("password", ""),
        "DAYBOOK_DBT_DBNAME": given.get("dbname", ""),
    }


def _log_levels(text: str) -> dict[str, str]:
    """Read `raw=debug, transform=info`: packages of ours and their levels."""
    levels = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        package, _, level = (word.strip() for word in part.partition("="))
        known = _HERE / "orchestration" / package / "__init__.py"
        if not (package.isidentifier() and known.exists()):
            msg = f"DAYBOOK_LOG_LEVELS: no package is called {package!r}"
            raise SettingsError(msg)
        if level not in _LEVELS:
            msg = f"DAYBOOK_LOG_LEVELS: {level!r} is not one of {', '.join(_LEVELS)}"
            raise SettingsError(msg)
        levels[package] = level
    return levels


def _currency(text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        msg = f"DAYBOOK_REPORTING_CURRENCY: an ISO 4217 code like EUR, not {text!r}"
        raise SettingsError(msg)
    return text


def _postgres_url(given: Mapping[str, str], name: str) -> str | None:
    url = given.get(name)
    if url is None:
        return None
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        # The value may hold a password, so it is not repeated.
        msg = f"{name} must be a URL that begins with postgresql://"
        raise SettingsError(msg)
    return url


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (
        line.removeprefix("export ").partition("=")
        for line in lines
        if line and line[0] != "#"
    )
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
