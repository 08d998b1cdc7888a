"""Orders of tickets and club registrations, and who turned up."""

import numpy as np

from orchestration.simulation.catalogue import CAMPAIGNS
from orchestration.simulation.moments import Moments
from orchestration.simulation.people import NOBODY
from orchestration.simulation.setting import Setting
from orchestration.simulation.tables import Growing
from orchestration.simulation.visits import Visits
from orchestration.simulation.world import CODE, DAY, PURCHASE

# An occasion that does not take place is called off this long before its start.
NOTICE = 2 * DAY


class Orders:
    """All orders of a world so far; one order has one to four tickets."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.table = Growing(
            "buyer",
            "occasion",
            "quantity",
            "tier",
            "price",
            "visit",
            "campaign",
            "purchased_at",
            "came",
        )

    def buy(self, day: int, visits: Visits, moments: Moments) -> np.ndarray:
        """Turn the purchases of a day into orders; return each moment's order or -1."""
        dice = self.setting.world.dice("orders", day)
        bought = np.flatnonzero(
            (moments.name == CODE["conversion"]) & (moments.target == PURCHASE)
        )
        visit = moments.visit[bought]
        count = len(bought)
        occasion = visits.target[visit]
        tier = (dice.random(count) < 0.15).astype(np.int64)
        price = self.setting.catalogue.occasion_price[occasion] * (1 + tier)
        arrival = visits.arrival[visit]
        quantity = 1 + dice.binomial(3, 0.25, count)
        rows = self.table.append(
            buyer=moments.user[bought],
            occasion=occasion,
            quantity=quantity,
            tier=tier,
            price=price,
            visit=visits.number[visit],
            campaign=np.where(arrival < len(CAMPAIGNS), arrival, NOBODY),
            purchased_at=moments.at[bought],
            came=dice.binomial(quantity, 0.85),
        )
        number = np.full(len(moments), NOBODY)
        number[bought] = rows
        return number

    def refunded_at(self) -> np.ndarray:
        """Return when each order is refunded because its occasion is called off."""
        catalogue = self.setting.catalogue
        occasion = self.table["occasion"]
        off = catalogue.occasion_cancelled[occasion]
        at = catalogue.occasion_starts[occasion] - NOTICE
        return np.where(off & (self.table["price"] > 0), at, -1)
