"""What the platform's workers ask of deployments, several of them at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from examples import Connection, a_deployment, a_recipe, a_tenant, another_connection, at_once, running

from mathison_data.queries import deployments, tenants
from mathison_data.records import Deployment, DeploymentStatus, Recipe, Tenant, TenantStatus

PENDING, DEPLOYING, RUNNING = DeploymentStatus.PENDING, DeploymentStatus.DEPLOYING, DeploymentStatus.RUNNING


@pytest.fixture
def tenant(connection: Connection) -> Tenant:
    return a_tenant(connection)


@pytest.fixture
def recipe(connection: Connection) -> Recipe:
    return a_recipe(connection)


def several(db: Connection, tenant: Tenant, recipe: Recipe, count: int) -> list[Deployment]:
    """Make deployments, the first the oldest, their ids in no order."""
    made = [a_deployment(db, tenant, recipe, f"d{n}") for n in range(count)]
    for n, deployment in enumerate(made):
        db.execute(
            "UPDATE deployments SET id = md5(id), created_at = now() - %s WHERE id = %s",
            [timedelta(minutes=count - n), deployment.id],
        )
    rows = deployments.list_by_status(db, statuses=[PENDING], limit=count)
    assert [row.name for row in rows] == [f"d{n}" for n in range(count)]
    return rows


def test_list_by_status_takes_the_oldest_of_all_tenants(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made = several(connection, tenant, recipe, 6)
    late = a_deployment(connection, a_tenant(connection, "other"), recipe, "late")
    for deployment, status in ((made[1], "FAILED"), (made[3], "STOPPED"), (made[5], "RUNNING")):
        connection.execute(
            'UPDATE deployments SET status = %s::"DeploymentStatus" WHERE id = %s', [status, deployment.id]
        )

    def names(limit: int, *statuses: DeploymentStatus) -> list[str]:
        return [row.name for row in deployments.list_by_status(connection, statuses=statuses, limit=limit)]

    assert names(10, PENDING) == ["d0", "d2", "d4", late.name]
    assert names(10, PENDING, RUNNING, DeploymentStatus.FAILED) == ["d0", "d1", "d2", "d4", "d5", "late"]
    assert names(3, PENDING, RUNNING, DeploymentStatus.FAILED) == ["d0", "d1", "d2"]
    assert names(10, PENDING, PENDING) == ["d0", "d2", "d4", "late"]
    assert names(10) == []


def test_claim_pending_takes_the_oldest_and_returns_them_as_deploying(
    connection: Connection, tenant: Tenant, recipe: Recipe
) -> None:
    made = several(connection, tenant, recipe, 5)
    claimed = deployments.claim_pending(connection, limit=3)
    assert [d.id for d in claimed] == [d.id for d in made[:3]]
    assert {d.status for d in claimed} == {DEPLOYING}
    assert deployments.list_by_status(connection, statuses=[DEPLOYING], limit=9) == claimed
    assert [d.id for d in deployments.claim_pending(connection, limit=9)] == [d.id for d in made[3:]]
    assert deployments.claim_pending(connection, limit=9) == []


@pytest.mark.parametrize("status", [TenantStatus.SUSPENDED, TenantStatus.DELETED])
def test_claim_pending_passes_over_tenants_that_are_not_active(
    connection: Connection, tenant: Tenant, recipe: Recipe, status: TenantStatus
) -> None:
    idle = a_tenant(connection, "idle")
    several(connection, idle, recipe, 3)
    tenants.set_status(connection, id=idle.id, status=status)
    mine = a_deployment(connection, tenant, recipe)
    assert [d.id for d in deployments.claim_pending(connection, limit=2)] == [mine.id]
    tenants.set_status(connection, id=idle.id, status=TenantStatus.ACTIVE)
    assert len(deployments.claim_pending(connection, limit=9)) == 3


def test_claim_pending_does_not_wait_for_another_worker(
    connection: Connection, database_url: str, tenant: Tenant, recipe: Recipe
) -> None:
    made = several(connection, tenant, recipe, 4)
    connection.execute("SET lock_timeout = '1s'")
    with another_connection(database_url) as worker, worker.transaction():
        first = deployments.claim_pending(worker, limit=2)
        second = deployments.claim_pending(connection, limit=9)
    assert [d.id for d in first] == [d.id for d in made[:2]]
    assert [d.id for d in second] == [d.id for d in made[2:]]


def test_each_deployment_is_claimed_by_one_of_many_workers(
    connection: Connection, database_url: str, tenant: Tenant, recipe: Recipe
) -> None:
    made = several(connection, tenant, recipe, 60)

    def work(db: Connection) -> list[str]:
        mine: list[str] = []
        while claimed := deployments.claim_pending(db, limit=3):
            mine += [d.id for d in claimed]
        return mine

    claimed = [id_ for worker in at_once(database_url, [work] * 6) for id_ in worker]
    assert len(claimed) == len(set(claimed))
    claimed += [d.id for d in deployments.claim_pending(connection, limit=99)]
    assert sorted(claimed) == sorted(d.id for d in made)


def test_transition_compares_and_sets(connection: Connection, tenant: Tenant, recipe: Recipe) -> None:
    made, other = a_deployment(connection, tenant, recipe), a_deployment(connection, tenant, recipe, "other")
    moved = deployments.transition(
        connection,
        id=made.id,
        from_statuses=[PENDING, DEPLOYING],
        to_status=DeploymentStatus.FAILED,
        error_message="no",
    )
    assert moved is not None
    assert (moved.status, moved.error_message, moved.url) == (DeploymentStatus.FAILED, "no", None)
    again = deployments.transition(connection, id=made.id, from_statuses=[PENDING], to_status=RUNNING, url="https://x")
    assert again is None
    mended = deployments.transition(
        connection, id=made.id, from_statuses=[DeploymentStatus.FAILED], to_status=RUNNING, url="https://x"
    )
    assert mended is not None
    assert (mended.status, mended.error_message, mended.url) == (RUNNING, None, "https://x")
    assert deployments.transition(connection, id="nothing", from_statuses=[PENDING], to_status=RUNNING) is None
    assert deployments.transition(connection, id=other.id, from_statuses=[], to_status=RUNNING) is None
    assert deployments.list_by_status(connection, statuses=[PENDING], limit=9) == [other]


def test_only_the_first_of_two_transitions_at_once_succeeds(
    connection: Connection, database_url: str, tenant: Tenant, recipe: Recipe
) -> None:
    made = a_deployment(connection, tenant, recipe)

    def move(db: Connection) -> Deployment | None:
        return deployments.transition(db, id=made.id, from_statuses=[PENDING], to_status=DeploymentStatus.DELETING)

    with another_connection(database_url) as first, first.transaction():
        assert deployments.transition(first, id=made.id, from_statuses=[PENDING], to_status=RUNNING)
        with running(database_url, move) as second:
            second.waits_for_lock(connection)
            first.execute("COMMIT; BEGIN")
            assert second.result() is None
    assert [d.id for d in deployments.list_by_status(connection, statuses=[RUNNING], limit=9)] == [made.id]


def test_requeue_stale_gives_back_what_nobody_works_on(
    connection: Connection, database_url: str, tenant: Tenant, recipe: Recipe
) -> None:
    several(connection, tenant, recipe, 6)
    claimed = deployments.claim_pending(connection, limit=4)
    stale, held, fresh = claimed[:2], claimed[2], claimed[3]
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # lets updated_at be set
        connection.execute("UPDATE deployments SET updated_at = now() - interval '61 minutes'")
        connection.execute(
            "UPDATE deployments SET updated_at = now() - interval '59 minutes' WHERE id = %s", [fresh.id]
        )
    connection.execute("SET lock_timeout = '1s'")
    with another_connection(database_url) as worker, worker.transaction():
        worker.execute("SELECT FROM deployments WHERE id = %s FOR UPDATE", [held.id])
        requeued = deployments.requeue_stale(connection, older_than=timedelta(hours=1))
    assert sorted(requeued) == sorted(d.id for d in stale)
    assert {d.id for d in deployments.list_by_status(connection, statuses=[DEPLOYING], limit=9)} == {held.id, fresh.id}
    assert deployments.requeue_stale(connection, older_than=timedelta(hours=1)) == [held.id]
    assert deployments.requeue_stale(connection, older_than=timedelta(hours=1)) == []
    assert [d.name for d in deployments.claim_pending(connection, limit=9)] == ["d0", "d1", "d2", "d4", "d5"]


def test_claim_and_requeue_run_side_by_side_without_deadlock(
    connection: Connection, database_url: str, tenant: Tenant, recipe: Recipe
) -> None:
    several(connection, tenant, recipe, 20)

    def claim(db: Connection) -> None:
        for _ in range(20):
            deployments.claim_pending(db, limit=10)

    def requeue(db: Connection) -> None:
        for _ in range(20):
            deployments.requeue_stale(db, older_than=timedelta(0))

    at_once(database_url, [claim, requeue, claim, requeue])
    assert len(deployments.list_by_status(connection, statuses=[PENDING, DEPLOYING], limit=99)) == 20
