"""Logged variants beside those that the declared weights give."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

import psycopg

# Units as clients know them, with what they logged; one of two variants counts twice.
_LOGGED = """
select distinct
    phases.experiment_id,
    phases.phase,
    phases.weights,
    array(
        select arms.variant
        from registry.experiment_arms as arms
        where arms.experiment_id = phases.experiment_id
        order by arms.arm_index
    ) as variants,
    case experiments.assigned_by
        when 'user_id' then matched.user_id else matched.device_id
    end as unit,
    matched.variant
from intermediate.int_events_matched as matched
inner join registry.experiment_phases as phases
    on
        matched.id = phases.experiment_id
        and matched.occurred_at >= phases.starts_at
        and matched.occurred_at < coalesce(phases.ends_at, 'infinity')
inner join registry.experiments as experiments
    on
        phases.experiment_id = experiments.experiment_id
        and experiments.assigned_by is not null
where
    matched.kind = 'exposure'
    and case experiments.assigned_by
        when 'user_id' then matched.user_id else matched.device_id
    end is not null
order by phases.experiment_id, phases.phase
"""


@dataclass(frozen=True)
class Assigned:
    """Units that logged a variant; columns of experiments.assignments.

    `expected_variant` is what the weights of the phase give them.
    """

    experiment_id: str
    phase: int
    variant: str
    expected_variant: str
    unit_count: int


def audit_assignments(connection: psycopg.Connection) -> list[Assigned]:
    """Count units by logged and expected variant, where the file says who assigns."""
    logged = connection.execute(_LOGGED).fetchall()
    if not logged:
        return []
    # numpy takes its time to import, and most runs audit nothing.
    from orchestration.experiments.assignment import assign_arms  # noqa: PLC0415

    found = []
    for (id_, phase), group in groupby(logged, key=lambda row: row[:2]):
        rows = list(group)
        weights, variants = rows[0][2:4]
        arms = assign_arms(id_, [row[4] for row in rows], weights=weights)
        counted = Counter(
            (row[5], variants[arm]) for row, arm in zip(rows, arms, strict=True)
        )
        found += [
            Assigned(id_, phase, variant, expected, count)
            for (variant, expected), count in sorted(counted.items())
        ]
    return found
