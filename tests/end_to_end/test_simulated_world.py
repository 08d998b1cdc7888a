"""A simulated world, delivered night by night, ends as its truth says."""

from dataclasses import replace

import pytest

from tests.end_to_end import (
    truth_of_app,
    truth_of_behaviour,
    truth_of_capture,
    truth_of_files,
    truth_of_funnels,
    truth_of_identities,
    truth_of_marketplace,
    truth_of_money,
    truth_of_people,
)
from tests.end_to_end.comparing import metrics, of
from tests.end_to_end.house import WORLD, live_through, made_database

CHECKS = [
    truth_of_files.check_files,
    truth_of_files.check_deliveries,
    truth_of_people.check_sessions,
    truth_of_people.check_person_days,
    truth_of_people.check_overview,
    truth_of_people.check_sessions_of_days,
    truth_of_people.check_pages,
    truth_of_people.check_experiments,
    truth_of_funnels.check_funnels,
    truth_of_funnels.check_funnel_days,
    truth_of_funnels.check_roles,
    truth_of_identities.check_accounts,
    truth_of_identities.check_leads,
    truth_of_app.check_money,
    truth_of_app.check_bookings,
    truth_of_money.check_revenue,
    truth_of_money.check_grains,
    truth_of_money.check_reported,
    truth_of_money.check_ledger,
    truth_of_money.check_orders_reconciled,
    truth_of_money.check_payouts_reconciled,
    truth_of_money.check_customer_value,
    truth_of_capture.check_capture,
    truth_of_marketplace.check_booking_states,
    truth_of_marketplace.check_providers,
    truth_of_marketplace.check_utilisation,
    truth_of_marketplace.check_resources,
    truth_of_behaviour.check_active_windows,
    truth_of_behaviour.check_lifecycle,
    truth_of_behaviour.check_retention,
    truth_of_behaviour.check_transitions,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_simulated_world_equals_its_truth(check, story):
    check(story)


def test_money_of_test_accounts_is_left_out(story):
    moved = story.truth("money_daily")
    everybody = truth_of_app.money_of_truth(moved)
    assert moved["is_test"].any()
    assert truth_of_app.money(story) != everybody
    excluded = of(metrics(story), "excluded_operations")
    assert sum(excluded.values()) > 0


@pytest.mark.long
def test_a_bigger_world_equals_its_truth(server_url, template_database, tmp_path):
    world = replace(WORLD, seed=18, persons=1_500, days=45, activity=0.3)
    with (
        made_database(server_url, "big_app") as app_url,
        made_database(server_url, "big", template=template_database) as url,
    ):
        story = live_through(world, url=url, app_url=app_url, folder=tmp_path)
        for check in CHECKS:
            check(story)
        lateness = "select distinct lateness from raw.events"
        assert len(story.house.rows(lateness)) == 3
