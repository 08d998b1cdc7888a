"""The web server's log: requests in the combined format, without ids of any kind."""

import numpy as np
import polars as pl

from orchestration.simulation.facts import ACCESS_LOG
from orchestration.simulation.people import AGENTS, FIRST_BOT
from orchestration.simulation.setting import Setting
from orchestration.simulation.strangers import (
    Requests,
    draw_requests,
    facts_of_strangers,
)
from orchestration.simulation.texts import instants, joined, picked
from orchestration.simulation.truth import Truth
from orchestration.simulation.world import CODE

MOST_VISITORS = 4_000
MONTHS = {
    f"{number:02}": name
    for number, name in enumerate(
        [
            "Jan",
            "Feb",
            "Mar",
            "Apr",
            "May",
            "Jun",
            "Jul",
            "Aug",
            "Sep",
            "Oct",
            "Nov",
            "Dec",
        ],
        1,
    )
}
PATHS = pl.Series(
    ["/", "/feed.xml", "/robots.txt", "/press", "/articles/welcome", "/img/logo.png"]
)
ROBOT_SHARE = 0.1
BROKEN = b"not a line of any log that was ever agreed on"


class AccessLog:
    """Visitors of the pages without a tracker; a visitor is an address and an agent."""

    def __init__(self, setting: Setting, truth: Truth) -> None:
        self.setting = setting
        world = setting.world
        count = min(MOST_VISITORS, max(5, world.persons // 25))
        dice = world.dice("access log visitors")
        is_robot = dice.random(count) < ROBOT_SHARE * bool(world.troubles.bots)
        robot = FIRST_BOT + dice.integers(0, len(AGENTS) - FIRST_BOT, count)
        self.agent = np.where(is_robot, robot, dice.integers(0, FIRST_BOT, count))
        self.is_robot = is_robot
        # Two visitors share each address; their agents tell them apart or do not.
        number = np.arange(count) // 2
        self.agent[1::2] = np.where(
            self.agent[1::2] == self.agent[: count // 2 * 2 : 2],
            (self.agent[1::2] + 1) % FIRST_BOT,
            self.agent[1::2],
        )
        self.is_robot = self.agent >= FIRST_BOT
        self.address = pl.Series([f"100.64.{n // 250}.{n % 250}" for n in number])
        agents = picked(pl.Series(AGENTS), self.agent)
        self.first_device = truth.name_devices(
            pl.select(self.address + " " + agents).to_series()
        )
        self.first_path = truth.name_paths(PATHS)

    def day(self, day: int) -> tuple[pl.DataFrame, list[bytes]]:
        """Return the facts of a day and its lines, a broken one among them."""
        world = self.setting.world
        dice = world.dice("access log", day)
        requests = draw_requests(world, day, dice, len(self.agent))
        path = dice.integers(0, len(PATHS), len(requests.at))
        # Twice the same request within a second: two lines, and both count.
        twice = dice.random(len(requests.at)) < world.troubles.double_views
        index = np.repeat(np.arange(len(requests.at)), 1 + twice)
        requests = Requests(
            requests.stranger[index], requests.session[index], requests.at[index]
        )
        path = path[index]
        facts = facts_of_strangers(
            requests,
            first=self._first(),
            source=ACCESS_LOG,
            names=np.full(len(index), CODE["http_request"]),
            pages=self.first_path + path,
            is_bot=self.is_robot[requests.stranger],
        )
        lines = self._lines(requests, path)
        if world.troubles.malformed:
            lines.append(BROKEN)
        return facts, lines

    def _first(self) -> tuple[int, int]:
        return self.first_device, len(self.setting.people.kind) + self.first_device

    def _lines(self, requests: Requests, path: np.ndarray) -> list[bytes]:
        order = np.argsort(requests.at, kind="stable")
        stranger = requests.stranger[order]
        frame = pl.DataFrame(
            {
                "address": self.address.gather(stranger),
                "time": instants(requests.at[order]),
                "path": PATHS.gather(path[order]),
                "agent": picked(pl.Series(AGENTS), self.agent[stranger]),
                "size": 500 + path[order] * 1_000,
            }
        )
        time = pl.col("time").str
        texts = frame.select(
            joined(
                pl.col("address"),
                " - - [",
                time.slice(8, 2),
                "/",
                time.slice(5, 2).replace(MONTHS),
                "/",
                time.slice(0, 4),
                ":",
                time.slice(11, 8),
                ' +0000] "GET ',
                pl.col("path"),
                ' HTTP/1.1" 200 ',
                pl.col("size").cast(pl.String),
                ' "-" "',
                pl.col("agent"),
                '"',
            )
        ).to_series()
        return [text.encode() for text in texts]
