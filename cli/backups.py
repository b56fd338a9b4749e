"""The container's backups: as Proxmox VE lists them, or PBS itself when the container is gone.

Rights on a pool reach a container's backups only while the container is in it (pve-storage, check_volume_access); and
its own access rules go with it. To restore one under its own VMID needs no more than its name, which PBS tells.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cli.configured import Configured
from clients.proxmox import Proxmox
from vpn.backup import finished, from_future
from vpn.errors import ConfigError, Problem, StackError

LATEST = "latest"
DAMAGED = "failed"
"""PBS's word on a backup whose chunks are missing or do not match their checksums."""
HIDDEN = "when the container is gone, Proxmox VE shows them to an administrator only: set pbs_url and pbs_token"


@dataclass(frozen=True)
class Backup:
    """One finished backup. `volume` is what Proxmox VE calls it, `size` in bytes, `verified` PBS's word on it."""

    volume: str
    made: dt.datetime
    size: int
    verified: str
    notes: str

    def to_dict(self) -> dict[str, Any]:
        """Return the backup as JSON-able data."""
        return {**vars(self), "made": self.made.isoformat()}

    def age(self, now: dt.datetime) -> dt.timedelta:
        """Return how old it is; a clock that is ahead a little makes it no younger than new."""
        return max(now - self.made, dt.timedelta())


def storage(configured: Configured, given: str | None) -> str:
    """Return the storage that holds the backups. Raise ConfigError when neither option nor config names one."""
    found = given or configured.values.get("pbs_storage")
    if not found:
        raise ConfigError([Problem("pbs_storage", None, "is not set: name the storage with --storage")])
    return str(found)


def of_container(api: Proxmox, node: str, place: str, vmid: int) -> tuple[Backup, ...]:
    """Return the container's backups, newest first. What is still being written has no size yet and is left out."""
    return tuple(_backup(each) for each in api.backups(node, place, vmid) if each.get("size"))


def known(configured: Configured, api: Proxmox, node: str, place: str, vmid: int) -> tuple[Backup, ...]:
    """Return the container's backups, newest first, whether it exists or not."""
    return of_container(api, node, place, vmid) or of_server(configured, place, vmid)


def of_server(configured: Configured, place: str, vmid: int) -> tuple[Backup, ...]:
    """Return the container's whole snapshots as PBS tells them, newest first; none when PBS is not configured."""
    server, datastore = configured.pbs(), configured.values.get("pbs_datastore")
    if server is None or not datastore:
        return ()
    with server:
        snapshots = server.snapshots(str(datastore), str(configured.values.get("pbs_namespace", "")), vmid)
    whole = sorted(filter(finished, snapshots), key=lambda each: -int(each["backup-time"]))
    return tuple(_snapshot(each, place, vmid) for each in whole)


def latest(found: Sequence[Backup], now: dt.datetime) -> Backup | None:
    """Return the newest backup, None when there is none. `found` is newest first.

    One that PBS has found damaged does not count, nor one from the future.
    """
    return next((each for each in found if each.verified != DAMAGED and not from_future(each.made, now)), None)


def choose(found: Sequence[Backup], wanted: str) -> Backup:
    """Return the latest backup, or the one of that volume (its last part is enough). Raise StackError for none.

    One whose verification failed, or that is dated in the future, is taken by its name alone.
    """
    if not found:
        raise StackError(f"there is no backup of this container that the token may see; {HIDDEN}")
    if wanted == LATEST:
        if newest := latest(found, dt.datetime.now(dt.UTC)):
            return newest
        why = "the verification of every backup has failed, or its date is in the future"
        raise StackError(f"{why}: to try one, name it (wgvpn backup list)")
    matching = [each for each in found if each.volume == wanted or each.volume.endswith(f"/{wanted}")]
    if len(matching) != 1:
        raise StackError(f"there is no backup {wanted!r} (wgvpn backup list)")
    return matching[0]


def _backup(raw: dict[str, Any]) -> Backup:
    verification = raw.get("verification") or {}
    return Backup(
        volume=str(raw["volid"]),
        made=dt.datetime.fromtimestamp(int(raw["ctime"]), dt.UTC),
        size=int(raw["size"]),
        verified=str(verification.get("state", "not yet")),
        notes=str(raw.get("notes", "")).strip(),
    )


def _snapshot(raw: dict[str, Any], place: str, vmid: int) -> Backup:
    """Return a snapshot under the name that Proxmox VE gives it."""
    made = dt.datetime.fromtimestamp(int(raw["backup-time"]), dt.UTC)
    name = f"{place}:backup/ct/{vmid}/{made:%Y-%m-%dT%H:%M:%SZ}"
    return _backup({**raw, "volid": name, "ctime": raw["backup-time"], "notes": raw.get("comment", "")})
