"""Network addresses: only their front part is kept."""

from functools import lru_cache
from ipaddress import (
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

_PREFIX = {4: 24, 6: 48}


@lru_cache(maxsize=65_536)
def truncate_address(text: str) -> str | None:
    """Return the /24 or /48 of an address, None for what is not an address.

    An IPv4 address written as IPv6 is truncated as the IPv4 address that it is.
    """
    address = _parsed(text)
    if address is None:
        return None
    prefix = _PREFIX[address.version]
    return str(ip_network((address.packed, prefix), strict=False).network_address)


def is_inside(text: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Tell whether an address lies in one of the networks."""
    address = _parsed(text)
    return address is not None and any(address in network for network in networks)


def _parsed(text: str):  # noqa: ANN202  the two address classes share no public base
    try:
        address = ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
