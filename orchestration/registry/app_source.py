"""The mapping of an operational database to canonical tables, by SQL that users write.

The SQL is code and is named so. It must be one SELECT, and it runs in a read-only
transaction of the source under a timeout.
"""

import re
from typing import Annotated, Literal

import sqlglot
from pydantic import Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from orchestration.registry.kinds import Dated
from orchestration.registry.predicates import Definition

TableName = Literal[
    "persons",
    "providers",
    "listings",
    "services",
    "availability",
    "bookings",
    "booking_states",
    "occasions",
    "tickets",
    "attendance",
    "payments",
    "refunds",
    "payouts",
    "reviews",
    "messages",
    "campaigns",
    "campaign_spend",
    "exchange_rates",
    "content",
]

MoneyColumn = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}_minor$")]
HashColumn = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,50}_hash$")]
Secret = Literal["email", "phone", "text"]

# They reach files, other servers, other sessions, or run text as SQL.
_REACHES_OUT = re.compile(
    r"^(pg_|lo_|dblink|set_config|query_to_|cursor_to_|current_setting)"
)
_WRITES = (exp.DML, exp.Into, exp.Lock, exp.Command)
_BLANKS = (exp.Placeholder, exp.Parameter)


class AppTable(Definition):
    """How one canonical table is read.

    Attributes
    ----------
    sql : str
        One SELECT whose columns are columns of `raw.app_<table>`. With a column
        `changed_at` it is read by change; without, it is read whole every time.
    money : list of str
        Columns `…_minor` that the SQL yields in major units of the row's `currency`.
    pseudonymise : dict of str to str
        Columns `…_hash` that the SQL yields in clear, and what they hold; only their
        keyed hashes are stored.
    deletes : str
        `sweep`: rows may vanish, compare all keys now and then. `reread`: they may
        also change without a new stamp, compare all rows. `never`: neither.
    """

    sql: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    money: list[MoneyColumn] = Field(default_factory=list)
    pseudonymise: dict[HashColumn, Secret] = Field(default_factory=dict)
    deletes: Literal["sweep", "reread", "never"] = "sweep"

    @field_validator("sql")
    @classmethod
    def _is_one_select(cls, value: str) -> str:
        refusal = refuse_sql(value)
        if refusal:
            raise PydanticCustomError("sql", "{refusal}", {"refusal": refusal})
        return value


class AppSource(Dated):
    """An operational database."""

    kind: Literal["app_database"]
    overlap_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 30
    sweep_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 24
    statement_timeout_seconds: Annotated[int, Field(ge=1, le=24 * 3600)] = 600
    tables: Annotated[dict[TableName, AppTable], Field(min_length=1)]


def refuse_sql(text: str) -> str | None:
    """Return why `text` is not one SELECT that only reads, or None if it is."""
    try:
        statements = sqlglot.parse(text, read="postgres")
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        line, what = details.get("line", 1), details.get("description", "unreadable")
        return f"not SQL that can be read (its line {line}: {what})"
    except (SqlglotError, RecursionError):
        return "not SQL that can be read"
    if text.rstrip().endswith(";"):
        return "leave out the semicolon at the end"
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return "not one SELECT"
    refusals = (_refuse_node(node) for node in statements[0].walk())
    return next((refusal for refusal in refusals if refusal), None)


def _refuse_node(node: exp.Expr) -> str | None:
    if isinstance(node, _WRITES):
        return f"not a plain SELECT: holds {type(node).__name__.upper()}"
    if isinstance(node, _BLANKS):
        return "holds a parameter, and nothing fills it in"
    if isinstance(node, exp.Func) and _REACHES_OUT.match(_function_name(node)):
        return f"calls {_function_name(node)}, which reaches beyond the tables"
    return None


def _function_name(node: exp.Func) -> str:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return str(name).lower()
