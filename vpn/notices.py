"""What people should know before it hurts.

Keys that are due, so that nothing rotates by surprise (data model section 6); peers that expire; what is configured and
cannot work.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from vpn.keyring import KeyRequest, Keyring, due, renews_itself
from vpn.network import server_endpoint
from vpn.settings import Settings, split_endpoint

AHEAD: Final = dt.timedelta(days=30)
"""How long before its date a rotation, or an expiry, is announced."""


def warnings(
    settings: Settings, wanted: Sequence[KeyRequest], keyring: Keyring, now: dt.datetime, ahead: dt.timedelta = AHEAD
) -> tuple[str, ...]:
    """Return what people should know of keys, of peers that expire within `ahead`, and of the endpoint."""
    return (
        *_key_warnings(wanted, keyring, now, ahead),
        *_behind(wanted, keyring),
        *_expiry_warnings(settings, now, ahead),
        *_given_in_vain(settings, wanted),
        *_dialled_through_itself(settings),
    )


def _key_warnings(
    wanted: Sequence[KeyRequest], keyring: Keyring, now: dt.datetime, ahead: dt.timedelta
) -> Iterator[str]:
    for name, renewed, date in _dates(wanted, keyring):
        day = date.date().isoformat()
        if renewed and now < date <= now + ahead:
            yield f"key {name}: the first up after {day} rotates it"
        elif not renewed and now >= date:
            yield f"key {name}: reached its maximum age on {day}; raise its generation (or change it where it is given)"


def _behind(wanted: Sequence[KeyRequest], keyring: Keyring) -> Iterator[str]:
    """Tell generations that fell behind, as by an older file: raised by one they would still rotate nothing."""
    for request in wanted:
        entry = keyring.get(request.name)
        if entry and request.generation < entry.generation:
            yield (
                f"key {request.name}: is of generation {entry.generation} and the configuration says "
                f"{request.generation}: only a generation above {entry.generation} rotates it"
            )


def _expiry_warnings(settings: Settings, now: dt.datetime, ahead: dt.timedelta) -> Iterator[str]:
    for peer in sorted(settings.peers, key=lambda each: each.name):
        if peer.expires_at and not peer.disabled and now < peer.expires_at <= now + ahead:
            yield f"peer {peer.name}: expires at {peer.expires_at.isoformat()}"


def _given_in_vain(settings: Settings, wanted: Sequence[KeyRequest]) -> Iterator[str]:
    asked = {request.name for request in wanted}
    for name in sorted((settings.keys.given_keys or {}).keys() - asked):
        yield f"given_keys: nothing asks for {name}; it can be removed"


def _dialled_through_itself(settings: Settings) -> Iterator[str]:
    """Tell of an endpoint inside what clients send into the tunnel: wg-quick keeps a way out of full tunnels alone."""
    endpoint = server_endpoint(settings)
    host = split_endpoint(endpoint)[0] if endpoint else ""
    with suppress(ValueError):  # a name, or an address that DHCP will give
        address = ip_address(host)
        for network in settings.destinations:
            if address in network:
                yield (
                    f"endpoint: clients dial {host} and send {network} into the tunnel: those outside its own network "
                    "cannot connect; set endpoint to an address that is not in there"
                )


def _dates(wanted: Sequence[KeyRequest], keyring: Keyring) -> Iterator[tuple[str, bool, dt.datetime]]:
    """Yield of each key that has a maximum age its name, whether age rotates it, and when it reaches that age."""
    for request in wanted:
        entry = keyring.get(request.name)
        date = due(request, entry) if entry else None
        if entry and date:
            yield request.name, renews_itself(request, entry), date
