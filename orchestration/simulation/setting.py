"""Everything about a world that is fixed before its first day."""

from dataclasses import dataclass

from orchestration.simulation.catalogue import Catalogue, draw_catalogue
from orchestration.simulation.experiments import Assignments, assign
from orchestration.simulation.people import Devices, People, draw_people
from orchestration.simulation.world import World


@dataclass(frozen=True)
class Setting:
    """A world with its people, their devices, the offers and the experiments."""

    world: World
    people: People
    devices: Devices
    catalogue: Catalogue
    assignments: Assignments


def draw_setting(world: World) -> Setting:
    """Return the setting of a world."""
    people, devices = draw_people(world)
    return Setting(
        world=world,
        people=people,
        devices=devices,
        catalogue=draw_catalogue(world, people),
        assignments=assign(world, people),
    )
