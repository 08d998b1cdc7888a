"""Connections to the warehouse: one way to open them, in UTC and named."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict


def connect(
    url: str, *, application_name: str, autocommit: bool = False
) -> psycopg.Connection:
    """Open a connection whose session is in UTC and says who it is.

    Parameters
    ----------
    url : str
        A postgresql:// URL.
    application_name : str
        Shown in pg_stat_activity; a takeover finds the sessions of a build by it.
    autocommit : bool
        Whether each statement is a transaction of its own.
    """
    given = str(conninfo_to_dict(url).get("options") or "")
    return psycopg.connect(
        url,
        autocommit=autocommit,
        application_name=application_name,
        options=f"{given} -c TimeZone=UTC".strip(),
        connect_timeout=10,
    )


def sibling_url(url: str, database: str) -> str:
    """Return the URL of another database on the server of `url`."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
