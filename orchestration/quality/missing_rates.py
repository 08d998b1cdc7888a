"""Amounts that cannot be told in the reporting currency for want of a rate."""

from dataclasses import dataclass
from datetime import date

import psycopg

# Markets close over weekends and holidays; older than that, the feed has stopped.
OLDEST_RATE_DAYS = 7

_MISSING = """
    with amounts as (
        select day, currency
        from marts.revenue_totals_daily
        -- What is to be served later is told at the rate known last.
        where day <= (
            select max(moved.day) from marts.revenue_totals_daily as moved
            where moved.basis = 'cash'
        )
        group by day, currency
    )

    select amounts.currency, amounts.day
    from amounts
    left join marts.exchange_rates as rates
        on
            amounts.currency = rates.currency
            and amounts.day >= rates.valid_from
            and amounts.day < rates.valid_to
    where
        rates.rate is null
        or (
            amounts.day > rates.valid_from + %s
            and amounts.currency <> rates.reporting_currency
        )
    order by amounts.currency collate "C", amounts.day
"""


@dataclass(frozen=True)
class MissingRate:
    """A day on which money moved in a currency whose worth nobody told."""

    currency: str
    day: date

    def __str__(self) -> str:
        """Return the currency and the day, as a person looks them up."""
        return f"{self.currency} on {self.day}"


def find_missing_rates(connection: psycopg.Connection) -> list[MissingRate]:
    """Return every currency and day without a rate, of all history.

    A day whose rate was missing stays missing when later builds do not touch it.
    """
    rows = connection.execute(_MISSING, (OLDEST_RATE_DAYS,))
    return [MissingRate(currency, day) for currency, day in rows]
