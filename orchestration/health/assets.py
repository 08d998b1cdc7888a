"""What the night forgets: runs that nobody looks at any more."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.health.runs import forget_runs, run_statistics
from orchestration.privacy.retention import read_retention
from orchestration.resources import OWNERS, Warehouse, small_table

# Of each job; what failed is looked at longer than what went well.
KEPT = {
    dg.DagsterRunStatus.SUCCESS: 100,
    dg.DagsterRunStatus.FAILURE: 500,
    dg.DagsterRunStatus.CANCELED: 500,
}
# A purge that fell behind catches up night by night.
AT_ONCE = 1000


@dg.asset(
    key_prefix="ops",
    group_name="closing",
    kinds={"postgres"},
    owners=OWNERS,
    deps=[["published", "closed_days"]],
)
def runs(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """Runs of every job, one row per run, with how long it took and how it ended.

    The night purges Dagster's own records: of each job the last 100 runs that
    succeeded and the last 500 that did not are kept, with their logs. The rows here
    stay as long as `registry/retention.yml` says for class health.
    """
    with warehouse.connection("daybook health") as connection:
        jobs = connection.execute("select distinct job from ops.runs").fetchall()
    purged = sum(
        purge(context.instance, job=job, status=status, keep=keep)
        for (job,) in jobs
        for status, keep in KEPT.items()
    )
    forgotten = forget(warehouse)
    with warehouse.connection("daybook health") as connection:
        statistics = run_statistics(connection)
    return dg.MaterializeResult(
        metadata={
            "runs_purged": purged,
            "rows_forgotten": forgotten,
            "last_30_days": small_table(statistics),
        }
    )


def forget(warehouse: Warehouse) -> int:
    """Drop our own rows about runs, stages and alerts when their time has come."""
    policy = read_retention(warehouse.settings.registry_dir)
    days = policy.days("health") if policy else None
    if days is None:
        return 0
    before = datetime.now(tz=UTC) - timedelta(days=days)
    with warehouse.connection("daybook health") as connection:
        return forget_runs(connection, before=before)


def purge(
    instance: dg.DagsterInstance, *, job: str, status: dg.DagsterRunStatus, keep: int
) -> int:
    """Delete the records of all but the newest runs of a job that ended so."""
    ended = dg.RunsFilter(job_name=job, statuses=[status])
    run_ids = instance.get_run_ids(ended, limit=keep + AT_ONCE)
    for run_id in run_ids[keep:]:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
    return len(run_ids[keep:])
