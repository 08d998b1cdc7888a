"""A small operational database, and its mapping to canonical tables."""

from textwrap import dedent

from orchestration.raw.app_extraction import Terms, extract_app
from orchestration.registry.reading import load_registry
from orchestration.warehouse.connection import connect
from tests.unit.made_registry import write_registry

SCHEMA = """
    create type status as enum ('active', 'closed');
    create table users (
        id bigint primary key, email text, phone text, role text not null,
        status status not null, created_at timestamptz not null,
        updated_at timestamptz not null
    );
    create table slots (
        id uuid primary key default gen_random_uuid(), provider_id int not null,
        starts_at timestamptz not null, ends_at timestamptz not null,
        updated_at timestamptz
    );
    create table payments (
        id text primary key, amount numeric not null, currency text,
        paid_at timestamptz not null, updated_at timestamptz not null
    );
"""

MAPPING = """
    kind: app_database
    tables:
      persons:
        sql: |
          select
              id as user_id,
              role,
              email as email_hash,
              phone as phone_hash,
              status as state,
              false as is_internal,
              false as is_test,
              created_at as registered_at,
              updated_at as changed_at
          from users
        pseudonymise: {email_hash: email, phone_hash: phone}
      availability:
        sql: |
          select
              id as availability_id,
              provider_id,
              starts_at,
              ends_at,
              updated_at as changed_at
          from slots -- withdrawn slots are deleted
      payments:
        sql: |
          select
              id as payment_id,
              'captured' as state,
              amount as amount_minor,
              currency,
              paid_at,
              paid_at as created_at,
              updated_at as changed_at
          from payments
        money: [amount_minor]
"""

TERMS = Terms(timezone="UTC", pseudonym_key=b"key")


def make_app(url):
    """Create the app's tables."""
    run(url, SCHEMA)
    return url


def run(url, *statements):
    """Run statements in one transaction of the app."""
    with connect(url, application_name="app") as app:
        for statement in statements:
            app.execute(statement)


def read_mapping(directory, text=MAPPING):
    """Return the mapping as the registry has it."""
    registry = load_registry(write_registry(directory, sources__app=dedent(text)))
    return registry.entry("app_source", "app")


def extract(warehouse_url, app_url, entry, *, terms=TERMS, **options):
    """Extract the app as production does."""
    return extract_app(
        warehouse_url, entry=entry, source_url=app_url, terms=terms, **options
    )


def make_sweep_due(connection):
    """Let the next extract compare all keys."""
    connection.execute(
        "update ops.app_extracts set swept_at = swept_at - interval '2 d'"
    )
    connection.commit()


def count(connection, table, where="true"):
    """Count rows, letting go of the snapshot."""
    row = connection.execute(f"select count(*) from {table} where {where}").fetchone()
    connection.commit()
    return row[0]
