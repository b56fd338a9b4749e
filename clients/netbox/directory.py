"""Which key stands for which NetBox id, for our records and for what administrators made."""

from collections.abc import Mapping
from typing import Any

from clients.netbox.api import NetBox
from clients.netbox.fields import ApiObject
from vpn.errors import ConfigError, Problem, listed

EXISTING = {
    "site": "dcim/sites",
    "cluster": "virtualization/clusters",
    "role": "dcim/device-roles",
}
"""What must exist already, and where."""


class Directory:
    """Ids by key and keys by id, for one run.

    `configured` are the virtual machine's fields as wanted; among them the names of site, cluster
    and role as the configuration spells them.
    """

    def __init__(self, netbox: NetBox, configured: Mapping[str, str]) -> None:
        self._netbox = netbox
        self._configured = dict(configured)
        self._ids: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._existing: dict[tuple[str, str], dict[str, Any]] = {}

    def learn(self, kind: str, key: str, id_: int) -> None:
        """Remember that `key` stands for `id_`."""
        self._ids[kind, key] = id_
        self._keys[kind, id_] = key

    def key(self, kind: str, id_: int) -> str:
        """Return the key of our record, `#id` for an object that is none of ours."""
        return self._keys.get((kind, id_), f"#{id_}")

    def known(self, kind: str, key: str) -> int | None:
        """Return the id of our record, None when there is none yet."""
        return self._ids.get((kind, key))

    def id(self, kind: str, key: str) -> int:
        """Return the id; ConfigError when a site, cluster or role does not exist."""
        if kind in EXISTING:
            return int(self.existing(kind, key)["id"])
        return self._ids[kind, key]

    def configured(self, field: str) -> str:
        """Return what the virtual machine's record wants in a field."""
        return self._configured.get(field, "")

    def spelled(self, field: str, found: ApiObject) -> str:
        """Return the name of `found`, as the configuration has it where it means the same."""
        wanted = self._configured.get(field, "")
        return wanted if wanted and _is_called(found, wanted) else str(found.get("name") or "")

    def existing(self, field: str, name: str) -> dict[str, Any]:
        """Return the site, cluster or role of that name or slug; ConfigError explains a miss."""
        if (field, name) not in self._existing:
            self._existing[field, name] = self._look_up(field, name)
        return self._existing[field, name]

    def _look_up(self, field: str, name: str) -> dict[str, Any]:
        found = self._candidates(field, name)
        if field == "cluster":
            found = self._in_site(found)
        if len(found) == 1:
            return found[0]
        rule = "is the name of several; give one a name of its own" if found else self._miss(field)
        raise ConfigError([Problem(f"netbox_{field}", name, rule)])

    def _candidates(self, field: str, name: str) -> list[dict[str, Any]]:
        by_name = self._netbox.find(EXISTING[field], name__ie=name)
        found = [each for each in by_name if _is_called(each, name)]
        if found or field == "cluster":
            return found
        return [s for s in self._netbox.find(EXISTING[field], slug=name.lower()) if _is_called(s, name)]

    def _in_site(self, clusters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Prefer, among clusters of one name, the one in our site: names are unique only there."""
        if len(clusters) < 2 or not self._configured.get("site"):
            return clusters
        site = self.id("site", self._configured["site"])
        return [c for c in clusters if c.get("scope_type") == "dcim.site" and c.get("scope_id") == site]

    def _miss(self, field: str) -> str:
        there = sorted(str(each["name"]) for each in self._netbox.find(EXISTING[field]))
        told = listed(there) or "none that this token may see"
        return f"no such {field} in NetBox, where an administrator makes it; there is: {told}"


def _is_called(found: ApiObject, name: str) -> bool:
    return name.casefold() in (str(found.get("name")).casefold(), str(found.get("slug")).casefold())
