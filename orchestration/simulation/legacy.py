"""The older tracker: payloads as 000 to 004 show them, with a lasting session id."""

import json

import numpy as np
import polars as pl

from orchestration.simulation.catalogue import PAGE, SEARCH_TERMS
from orchestration.simulation.facts import LEGACY
from orchestration.simulation.setting import Setting
from orchestration.simulation.strangers import (
    Requests,
    draw_requests,
    facts_of_strangers,
)
from orchestration.simulation.texts import instants, uuids
from orchestration.simulation.truth import Truth
from orchestration.simulation.world import CODE

MOST_DEVICES = 400
# What the tracker calls an event, and what it is.
SHAPES = (
    "page_view",
    "click",
    "search_performed",
    "interaction",
    "conversion",
    "heatmap_pointer",
    "booking_attempt",
    "chat_started",
)
WEIGHTS = np.array([8, 4, 2, 3, 1, 2, 1, 1])
SITE = "https://tickets.market.example"
# As 002 and 003 show them.
PAYLOADS: dict[str, dict[str, object]] = {
    "page_view": {
        "eventType": "page_view",
        "pageUrl": f"{SITE}/occasions",
        "eventData": {"title": "Occasions", "referrer": "google.com"},
    },
    "click": {
        "eventType": "button_click",
        "pageUrl": f"{SITE}/occasions",
        "eventData": {"buttonId": "buy-ticket", "buttonText": "Buy Ticket"},
    },
    "search_performed": {
        "eventType": "search",
        "pageUrl": f"{SITE}/occasions",
        "eventData": {"filters": {"category": "music"}},
    },
    "interaction": {
        "interactionType": "view",
        "interactionData": {"duration": 45, "scrollDepth": 75},
    },
    "conversion": {
        "conversionType": "purchase",
        "conversionValue": 99.99,
        "campaignId": "summer2024",
        "conversionData": {"ticketCount": 2},
    },
    "heatmap_pointer": {
        "pageUrl": f"{SITE}/occasions",
        "xPosition": 150,
        "yPosition": 200,
        "elementSelector": ".event-card",
        "clickCount": 1,
        "hoverCount": 3,
        "scrollDepth": 75,
    },
    "booking_attempt": {
        "eventType": "booking_attempt",
        "metadata": {
            "therapistId": "therapist123",
            "serviceType": "massage",
            "duration": 90,
            "totalPrice": 150_000,
            "location": "Jakarta",
            "paymentMethod": "cash",
        },
    },
    "chat_started": {
        "eventType": "chat_started",
        "metadata": {"participantType": "customer"},
    },
}
BROKEN = (b'{"foo":"no shape that anybody declared"}', b'{"eventType":')


class Legacy:
    """Devices of the older tracker, by day."""

    def __init__(self, setting: Setting, truth: Truth) -> None:
        self.setting = setting
        world = setting.world
        count = min(MOST_DEVICES, max(2, world.persons // 100))
        dice = world.dice("legacy devices")
        self.session_ids = [
            f"session_{1_700_000_000_000 + int(number)}_{tail[:9]}"
            for number, tail in zip(
                dice.integers(0, 10**11, count), uuids(dice, count), strict=True
            )
        ]
        self.first_device = truth.name_devices(pl.Series(self.session_ids))

    def day(self, day: int) -> tuple[pl.DataFrame, list[bytes]]:
        """Return the facts of a day and its lines, a broken one among them."""
        world = self.setting.world
        dice = world.dice("legacy", day)
        requests = draw_requests(world, day, dice, len(self.session_ids))
        count = len(requests.at)
        bounds = np.cumsum(WEIGHTS) / WEIGHTS.sum()
        shape = np.searchsorted(bounds, dice.random(count), side="right")
        first = np.diff(requests.stranger, prepend=-1) != 0
        shape = np.where(first, 0, shape)
        codes = np.array([CODE[name] for name in SHAPES])[shape]
        facts = facts_of_strangers(
            requests,
            first=self._first(),
            source=LEGACY,
            names=codes,
            pages=np.full(count, PAGE["/occasions"]),
            is_bot=np.zeros(count, dtype=bool),
        )
        lines = self._lines(requests, shape, dice)
        if world.troubles.malformed:
            lines.append(BROKEN[day % len(BROKEN)])
        return facts, lines

    def _first(self) -> tuple[int, int]:
        return self.first_device, len(self.setting.people.kind) + self.first_device

    def _lines(
        self, requests: Requests, shape: np.ndarray, dice: np.random.Generator
    ) -> list[bytes]:
        order = np.argsort(requests.at, kind="stable")
        times = instants(requests.at[order]).to_list()
        ids = uuids(dice, len(order)).to_list()
        lines = []
        for place, time, tracking in zip(order.tolist(), times, ids, strict=True):
            record = payload(SHAPES[shape[place]], number=place)
            record["sessionId"] = self.session_ids[requests.stranger[place]]
            record["trackingId"], record["timestamp"] = tracking, time
            lines.append(json.dumps(record).encode())
        return lines


def payload(name: str, *, number: int) -> dict[str, object]:
    """Return a payload as the source documents show it, without session and time."""
    record = dict(PAYLOADS[name])
    # What differs from one to the next: which occasion, which order, which search.
    occasion = f"event-{number % 40}"
    match record:
        case {"interactionType": _}:
            record["eventId"] = occasion
        case {"conversionData": dict(data)}:
            record["conversionData"] = data | {"orderId": f"order-{number}"}
        case {"eventType": "search", "eventData": dict(data)}:
            term = SEARCH_TERMS[number % len(SEARCH_TERMS)]
            record["eventData"] = data | {"query": term, "results": number % 46}
        case {"eventType": "button_click", "eventData": dict(data)}:
            record["eventData"] = data | {"eventId": occasion}
        case {"eventType": "chat_started", "metadata": dict(data)}:
            record["metadata"] = data | {"chatId": f"chat{number}"}
    return record
