"""Rows of the app database at the end of a world, one frame per table of app_schema."""

from collections.abc import Callable

import polars as pl

from orchestration.simulation import (
    app_dealings,
    app_money,
    app_offers,
    app_payouts,
    app_people,
)
from orchestration.simulation.days import Planner

Build = Callable[[Planner], pl.DataFrame]
# Parents before their children.
BUILDERS: dict[str, Build] = {
    "users": app_people.users,
    "providers": app_people.providers,
    "services": app_offers.services,
    "listings": app_offers.listings,
    "availability_slots": app_offers.availability_slots,
    "campaigns": app_offers.campaigns,
    "bookings": app_dealings.bookings,
    "booking_events": app_dealings.booking_events,
    "occasions": app_offers.occasions,
    "tickets": app_dealings.tickets,
    "attendance": app_dealings.attendance,
    "payments": app_money.payments,
    "refunds": app_money.refunds,
    "payouts": app_payouts.payouts,
    "reviews": app_dealings.reviews,
    "messages": app_dealings.messages,
    "campaign_spend": app_offers.campaign_spend,
    "fx_rates": app_money.fx_rates,
    "articles": app_offers.articles,
    "article_versions": app_offers.article_versions,
}


def app_tables(planner: Planner) -> dict[str, pl.DataFrame]:
    """Return every table, parents before their children."""
    return {name: build(planner) for name, build in BUILDERS.items()}
