"""Accounts and providers in the app database."""

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import CAMPAIGNS, CITIES, CURRENCIES
from orchestration.simulation.days import Planner
from orchestration.simulation.people import (
    COUNTRIES,
    CUSTOMER,
    LOCALES,
    NOBODY,
    PROVIDER,
    People,
)
from orchestration.simulation.texts import instants_of, numbered, picked, repeated
from orchestration.simulation.world import SITES

CODES = pl.Series([code for code, *_ in CAMPAIGNS])
FIRST_NAMES = pl.Series(["Ana", "Bilal", "Chiara", "Dewi", "Emre", "Fatima", "Goran"])
LAST_NAMES = pl.Series(
    ["Silva", "Okafor", "Rossi", "Putri", "Yilmaz", "Haddad", "Kraus"]
)


def users(planner: Planner) -> pl.DataFrame:
    """Return everybody who has registered."""
    people = planner.setting.people
    who = has_account(planner)
    count = len(who)
    names = _names(who)
    source = np.where(who % 3 == 0, who % 5, NOBODY)
    joined = instants_of(people.joined_at[who])
    is_provider = people.kind[who] == PROVIDER
    return pl.DataFrame(
        {
            "id": people.user_id.gather(who),
            "email": names["email"],
            "phone": _phones(people, who),
            "full_name": names["full_name"],
            "role": picked(pl.Series(["customer", "provider"]), is_provider * 1),
            "external_ref": numbered("crm-", who, 6),
            "country": picked(pl.Series(COUNTRIES), people.home[who]),
            "locale": picked(pl.Series(LOCALES), people.home[who]),
            "signup_site": picked(pl.Series(SITES), people.site[who]),
            "signup_source": picked(CODES, source),
            "marketing_opt_in": who % 2 == 0,
            "is_test_account": people.is_test[who],
            "status": repeated("active", count),
            "last_login_at": joined,
            "created_at": joined,
            "updated_at": joined,
        }
    )


def _names(who: np.ndarray) -> pl.DataFrame:
    """Return names and addresses that belong to nobody."""
    first = picked(FIRST_NAMES, who * 7 // 3 % len(FIRST_NAMES))
    last = picked(LAST_NAMES, who * 11 // 5 % len(LAST_NAMES))
    small = pl.col("first", "last").str.to_lowercase()
    return pl.DataFrame({"first": first, "last": last, "number": who}).select(
        pl.concat_str("first", "last", separator=" ").alias("full_name"),
        pl.concat_str(
            pl.concat_str(small, "number", separator="."), pl.lit("@mail.example")
        ).alias("email"),
    )


def has_account(planner: Planner) -> np.ndarray:
    """Return who has registered by the end of the world."""
    people, world = planner.setting.people, planner.setting.world
    may = np.isin(people.kind, (CUSTOMER, PROVIDER))
    return np.flatnonzero(
        may & planner.progress.is_registered & (people.joined_at < world.end)
    )


def _phones(people: People, who: np.ndarray) -> pl.Series:
    """Couples share a number, some people one of an agency; some give zeros or none."""
    partner = people.partner[who]
    number = np.where((partner >= 0) & (partner < who), partner, who)
    phone = numbered("+4930", number, 8)
    frame = pl.DataFrame({"phone": phone, "who": who, "couple": partner >= 0})
    return frame.select(
        pl.when(pl.col("who") % 101 == 0)
        .then(pl.lit("0000000000"))
        .when((pl.col("who") % 29 == 7) & ~pl.col("couple"))
        .then(pl.lit("+49 30 99999999"))
        .when((pl.col("who") % 3 != 1) | pl.col("couple"))
        .then("phone")
    ).to_series()


def providers(planner: Planner) -> pl.DataFrame:
    """Return everybody who offers something."""
    setting = planner.setting
    catalogue, count = setting.catalogue, len(setting.catalogue.provider_person)
    number = np.arange(count)
    joined = instants_of(setting.people.joined_at[catalogue.provider_person])
    return pl.DataFrame(
        {
            "id": numbered("prv_", number, 6),
            "user_id": setting.people.user_id.gather(catalogue.provider_person),
            "vertical": picked(pl.Series(SITES), catalogue.provider_site),
            "display_name": numbered("Provider ", number, 4),
            "city": picked(pl.Series(CITIES), catalogue.provider_city),
            "currency": picked(pl.Series(CURRENCIES), catalogue.provider_currency),
            "fee_percent": repeated("15.00", count),
            "headline": repeated("Here to help", count),
            "verified_at": joined,
            "status": repeated("active", count),
            "created_at": joined,
            "updated_at": joined,
        }
    )
