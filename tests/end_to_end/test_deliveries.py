"""In whatever files, order and number records come: the same tables."""

import random

import pytest

from tests.end_to_end.deliveries import put, redelivered
from tests.end_to_end.house import House, made_database, morning_after


@pytest.mark.parametrize(
    "seed",
    [1, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 23)]],
)
def test_any_delivery_gives_the_same_tables(
    seed, story, server_url, template_database, tmp_path
):
    chance = random.Random(seed)
    now = morning_after(story.world)
    files = redelivered(story.house.landing, chance)
    cuts = sorted(chance.sample(range(1, len(files)), k=2))
    parts = files[: cuts[0]], files[cuts[0] : cuts[1]], files[cuts[1] :]
    # The last part is built in any case, so one of the others is built before it came.
    built = {chance.randrange(2), 2}
    with made_database(
        server_url, f"delivery_{seed}", template=template_database
    ) as url:
        house = House(url, tmp_path, app_url=story.house.app_url)
        house.store_registry()
        for number, part in enumerate(parts):
            put(house.landing, part, at=now)
            house.load(now=now)
            if number in built:
                house.extract()
                house.build()
                house.publish()

        [read] = house.one("select sum(record_count)::bigint from ops.loads")
        assert read > 2 * story.files["record_count"].sum()
        assert house.conservation() == []
        assert house.one("select count(*) from ops.files where status = 'refused'") == (
            0,
        )
        assert house.truth() == story.house.truth()
        assert house.digests() == story.house.digests()
