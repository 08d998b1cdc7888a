"""Identity tables as assets; the build writes them before its models run."""

import dagster as dg

from orchestration.resources import OWNERS
from orchestration.transform.assets import SOURCES

tables = [
    dg.AssetSpec(
        ["identity", name],
        group_name="identity",
        kinds={"python", "postgres"},
        owners=OWNERS,
        deps=[["raw", "events"]],
        description=description,
    )
    for (schema, name), description in SOURCES.items()
    if schema == "identity"
]
