"""The rules in force: what registry/identity.yml says, and how its values are compared.

Time-bounded guard for shared devices (SEMANTICS 2.3): the anonymous events of a device
belong to the person who is identified next on it within the same session, otherwise to
the one who was there before, until another is identified. At the very instant of an
identified event, they belong to its person.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.identity.resolution import PERSON_TYPES
from orchestration.raw.app_copying import pseudonym
from orchestration.registry.policies import Identity

# A new number has everything rebuilt from the evidence.
ALGORITHM_VERSION = 2
LONGEST_IDENTIFIER = 512
_SPACE = " \t\n\r\f\v"
# A made-up number or address of zeros or dashes has some length, and only its pseudonym
# is known.
_LONGEST_FILLER = 20


# No identifier is empty: what is blank is blocked anyway.
_NOTHING = sql.Literal("")


@dataclass(frozen=True)
class Rules:
    """What evidence counts, and how far it goes.

    Attributes
    ----------
    version : str
        Of the algorithm and of the definition, for outputs.
    blocked : dict of str to frozenset of str
        By type, plain spellings of identifiers that identify nobody.
    """

    version: str
    definition: Identity
    blocked: dict[str, frozenset[str]]

    @property
    def limits(self) -> dict[str, int]:
        """How many identifiers of each type a person may have."""
        limits: dict[str, int] = self.definition.limits.model_dump()
        return limits

    def is_blocked(self, kind: str, column: sql.Composable) -> sql.Composed:
        """Return a condition that holds for an identifier that identifies nobody."""
        return sql.SQL(
            '(btrim(lower({column} collate "C"), {space}) in ({words})'
            " or btrim({column}, {space}) ~ '^[0 _-]*$'"
            " or length({column}) > {longest})"
        ).format(
            column=column,
            space=sql.Literal(_SPACE),
            words=sql.SQL(", ").join(
                [sql.Literal(word) for word in sorted(self.blocked[kind])] or [_NOTHING]
            ),
            longest=sql.Literal(LONGEST_IDENTIFIER),
        )

    def usable(self, kind: str, column: sql.Composable) -> sql.Composed:
        """Return an expression: the identifier, or null where it identifies nobody."""
        return sql.SQL("case when not {} then {} end").format(
            self.is_blocked(kind, column), column
        )

    def priority(self, source: sql.Composable) -> sql.Composed:
        """Return an expression: how strong a kind of evidence is, 1 before 9."""
        branches = [
            sql.SQL("when {} then {}").format(
                sql.Literal(each.evidence), sql.Literal(each.priority)
            )
            for each in self.definition.priorities
        ]
        otherwise = sql.Literal(self.definition.other_priority)
        if not branches:
            return sql.Composed([otherwise])
        return sql.SQL("case {} {} else {} end").format(
            source, sql.SQL(" ").join(branches), otherwise
        )


def read_rules(connection: psycopg.Connection, *, pseudonym_key: bytes = b"") -> Rules:
    """Return the rules in force; without a definition, the defaults.

    Parameters
    ----------
    pseudonym_key : bytes
        What contact details are hashed with at intake: blocked ones are compared as
        the pseudonyms they became. Empty blocks none of them.
    """
    version, body = _in_force(connection)
    return make_rules(
        Identity.model_validate(body, strict=False),
        version=version,
        pseudonym_key=pseudonym_key,
    )


def make_rules(
    definition: Identity, *, version: int = 0, pseudonym_key: bytes = b""
) -> Rules:
    """Return the rules that a definition makes."""
    blocked = definition.blocked.model_dump()
    words = {
        kind: {_plain(word) for word in (*blocked["any"], *blocked[kind])}
        for kind in PERSON_TYPES
    }
    for kind in ("email", "phone"):
        if pseudonym_key:
            hide = pseudonym(kind, key=pseudonym_key)
            words[kind] |= set(_pseudonyms(words[kind], hide))
    return Rules(
        version=f"{ALGORITHM_VERSION}.{version}",
        definition=definition,
        blocked={kind: frozenset(listed) for kind, listed in words.items()},
    )


def rules_hash(connection: psycopg.Connection) -> str:
    """Hash the rules in force: a new hash has identity built from nothing."""
    _, body = _in_force(connection)
    return definition_hash(body)


def definition_hash(body: dict[str, Any]) -> str:
    """Hash a definition together with the algorithm that reads it."""
    text = json.dumps([ALGORITHM_VERSION, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def store_rules(connection: psycopg.Connection, rules: Rules) -> None:
    """Tell models and views what the rules in force say."""
    condition = rules.is_blocked("user", sql.SQL("{identifier}"))
    connection.execute(
        """
        insert into identity.rules (rule_version, experiment_mapping, user_is_blocked)
        values (%s, %s, %s)
        on conflict (is_only) do update
        set
            rule_version = excluded.rule_version,
            experiment_mapping = excluded.experiment_mapping,
            user_is_blocked = excluded.user_is_blocked
        """,
        (
            rules.version,
            rules.definition.experiment_mapping,
            condition.as_string(connection),
        ),
    )


def _in_force(connection: psycopg.Connection) -> tuple[int, dict[str, Any]]:
    row = connection.execute(
        "select version, body from registry.in_force where kind = 'identity'"
    ).fetchone()
    return (row[0], row[1]) if row else (0, {})


def _plain(word: str) -> str:
    return word.strip(_SPACE).lower()


def _pseudonyms(words: set[str], hide: Callable[[str], str]) -> Iterator[str]:
    fillers = [mark * n for mark in "0-" for n in range(1, _LONGEST_FILLER + 1)]
    for value in (*words, *fillers):
        hidden = hide(value)
        if hidden:
            yield hidden
