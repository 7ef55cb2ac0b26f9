"""How often passwords may be tried, so that guessing is hopeless and nobody can lock the owner out."""

from __future__ import annotations

import ipaddress

from channels.throttle import Throttle


class Guessing:
    """Every try costs tokens, which a good one gets back; counted by this process.

    An address may try few times. An account has tokens of its own, which many addresses together would use
    up and so lock its owner out; the first tries of each address at an account are therefore free of them,
    and a browser that has signed in to the account before counts only for itself.
    """

    def __init__(self) -> None:
        self._by_address = Throttle(burst=20, per_second=1 / 15)
        self._by_both = Throttle(burst=5, per_second=1 / 60)
        self._first = Throttle(burst=3, per_second=1 / 1800)
        self._by_account = Throttle(burst=20, per_second=1 / 30)
        self._by_device = Throttle(burst=10, per_second=1 / 30)

    def wait(self, *, account: str, address: str, device: str | None) -> float:
        """Seconds until the next try is allowed; 0.0 allows this one. `device`: one this account knows."""
        if device is not None:
            return self._by_device.spend(device)
        place, both = _keys(account, address)
        wait = self._by_address.spend(place) or self._by_both.spend(both)
        if wait or not self._first.spend(both):
            return wait
        return self._by_account.spend(account)

    def forgive(self, *, account: str, address: str, device: str | None) -> None:
        """The try was a good one: it counts for nothing."""
        if device is not None:
            self._by_device.give_back(device)
            return
        place, both = _keys(account, address)
        self._by_address.give_back(place)
        self._by_both.give_back(both)
        self._first.give_back(both)


def _keys(account: str, address: str) -> tuple[str, str]:
    place = _network(address)
    return place, f"{place} {account}"


def _network(address: str) -> str:
    """The address, or the network one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
