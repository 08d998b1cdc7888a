"""How long people took from one step to another, in bins as PostHog makes them."""

from math import ceil, floor
from statistics import mean

from tests.conformance.kinds import funnel

definitions = funnel.definitions
events = funnel.events

# PostHog keeps the bins it counts itself, and those asked for, between these.
OWN_BINS = (3, 60)
ASKED_BINS = (1, 90)
WIDTH_OF_ONE_TIME = 60


def answer(connection, question):
    """Return the answer of the funnel, the mean time, and how many took how long."""
    first, last = question["from_step"], question["to_step"]
    times = [
        funnel.seconds(path, first, last)
        for path in funnel.reached(connection, question).values()
        if len(path) > last
    ]
    return funnel.answer(connection, question) | {
        "average_conversion_time": round(mean(times), 2) if times else None,
        "bins": bins(times, question.get("bin_count")),
    }


def bins(times, asked):
    """Return [from second, people] per bin, and one that begins at the longest time."""
    if not times:
        return []
    wanted = ceil(len(times) ** (1 / 3)) if asked is None else asked
    fewest, most = OWN_BINS if asked is None else ASKED_BINS
    count = max(fewest, min(most, wanted))
    lowest, longest = floor(min(times)), ceil(max(times))
    width = ceil((longest - lowest) / count) or WIDTH_OF_ONE_TIME
    starts = [lowest + place * width for place in range(count + 1)]
    return [
        [start, sum(start <= time < start + width for time in times)]
        for start in starts
    ]
