"""dbt, told to say what failed and never whose row it was.

Postgres quotes values in its errors: `Failing row contains (…)`, `Key (…)=(…) already
exists`, `invalid input syntax … "…"`. dbt writes them to its log, its output and its
results, and no option of server, libpq or dbt leaves them out. So the adapter passes on
the code, and the names of what was violated.
"""

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.raw.memory import few_collections

_SCRIPT = """\
#!{python}
import sys

sys.path.insert(0, {root!r})

from orchestration.transform.terse_dbt import main

sys.exit(main())
"""
# Messages of these classes of SQLSTATE speak of the statement and not of data: syntax,
# names and rights, memory and disk, an operator, the server's state, our own fences.
_WITHOUT_VALUES = ("42", "53", "57", "58", "DB")


def make_terse() -> None:
    """Have dbt's Postgres adapter of this process raise errors without values."""
    from dbt.adapters.postgres import PostgresConnectionManager  # noqa: PLC0415

    PostgresConnectionManager.exception_handler = _exception_handler  # type: ignore[method-assign]


def main() -> Any:
    """Run the `dbt` command, tersely."""
    with few_collections():
        from dbt.cli.main import cli  # noqa: PLC0415

        make_terse()
        return cli()


def write_executable(folder: Path, *, root: Path) -> Path:
    """Write a `dbt` for programs that want the path of one, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dbt"
    text = _SCRIPT.format(python=sys.executable, root=str(root))
    if not path.exists() or path.read_text() != text:
        draft = path.with_name("dbt.draft")
        draft.write_text(text)
        draft.chmod(draft.stat().st_mode | stat.S_IXUSR)
        draft.replace(path)
    return path


@contextmanager
def _exception_handler(self: Any, _: str) -> Iterator[None]:
    import psycopg2  # noqa: PLC0415
    from dbt_common.exceptions import (  # noqa: PLC0415
        DbtDatabaseError,
        DbtRuntimeError,
    )

    try:
        yield
    except psycopg2.DatabaseError as error:
        self.rollback_if_open()
        # The cause quotes the row, too.
        raise DbtDatabaseError(terse(error)) from None
    except DbtRuntimeError:
        self.rollback_if_open()
        raise
    except Exception as error:  # noqa: BLE001  dbt's own handler catches as much
        self.rollback_if_open()
        raise DbtRuntimeError(type(error).__name__) from None


def terse(error: Any) -> str:
    """Return what an error of psycopg2 says, less the values of rows."""
    diag = error.diag
    code = diag.sqlstate
    if code is None:
        # Without a code it is about the connection, and comes from libpq.
        return str(error).strip()
    if code.startswith(_WITHOUT_VALUES):
        return f"{code}: {diag.message_primary}"
    kind = type(error).__name__
    named = (
        ("table", diag.table_name),
        ("column", diag.column_name),
        ("constraint", diag.constraint_name),
        ("type", diag.datatype_name),
    )
    places = [f"{what} {name}" for what, name in named if name]
    return ", ".join([f"{code}: {kind}", *places])
