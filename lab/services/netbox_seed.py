"""Runs inside NetBox's image: what an administrator prepares for the program. Safe to run again.

Standard input is JSON: `admin_token`, `program_token` (`nbt_KEY.TOKEN`) and `project`.
The permissions are those of docs/howto-netbox.md: the token may look, and change only what
carries a tag that begins with the project's name.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import django

django.setup()

from core.models import ObjectType  # noqa: E402 - Django's models exist only after its setup
from dcim.models import DeviceRole, Site  # noqa: E402
from users.models import ObjectPermission, Token, User  # noqa: E402
from virtualization.models import Cluster, ClusterType  # noqa: E402

OWN = (
    "virtualization.virtualmachine",
    "virtualization.vminterface",
    "ipam.prefix",
    "ipam.ipaddress",
    "ipam.service",
    "vpn.tunnel",
    "vpn.tunneltermination",
)
LOOKED_UP = ("dcim.site", "dcim.devicerole", "virtualization.cluster")


def types(*models: str) -> list[Any]:
    """Return NetBox's object types of these models (`app.model`)."""
    return [ObjectType.objects.get_by_natural_key(*model.split(".")) for model in models]


def user(name: str, password: str | None = None, **flags: bool) -> User:
    """Return the user, made if need be; without a password it cannot log in."""
    found, _ = User.objects.get_or_create(username=name, defaults=flags)
    found.set_password(password)
    found.save()
    return found


def token(owner: User, text: str) -> None:
    """Give `owner` this API token."""
    key, plain = text.removeprefix("nbt_").split(".")
    if not Token.objects.filter(key=key).exists():
        Token(version=2, user=owner, key=key, token=plain).save()


def permission(
    owner: User,
    name: str,
    actions: Sequence[str],
    object_types: Iterable[Any],
    constraints: Mapping[str, str] | None = None,
) -> None:
    """Let `owner` do `actions` with these objects, as far as they meet the constraints."""
    values = {"actions": actions, "constraints": constraints}
    found, _ = ObjectPermission.objects.update_or_create(name=name, defaults=values)
    found.object_types.set(object_types)
    found.users.set([owner])


def seed(wanted: Mapping[str, str]) -> None:
    """Make users, tokens, permissions, and the site and cluster the server belongs to."""
    marks = f"pulumi: {wanted['project']}/"
    writes = ["add", "change", "delete"]
    program = user("wireguard-vpn")
    permission(program, "wireguard-vpn: look", ["view"], types(*LOOKED_UP, "extras.tag", *OWN))
    permission(program, "wireguard-vpn: own records", writes, types(*OWN), {"tags__name__startswith": marks})
    permission(program, "wireguard-vpn: own tag", writes, types("extras.tag"), {"name__startswith": marks})
    token(program, wanted["program_token"])
    token(user("admin", is_superuser=True), wanted["admin_token"])
    permission(user("reader", "reader"), "reader: look", ["view"], ObjectType.objects.public())
    site, _ = Site.objects.get_or_create(slug="main", defaults={"name": "Main"})
    proxmox, _ = ClusterType.objects.get_or_create(slug="proxmox-ve", defaults={"name": "Proxmox VE"})
    Cluster.objects.get_or_create(name="pve", defaults={"type": proxmox, "scope": site})
    role = {"name": "VPN server", "color": "3f51b5", "vm_role": True}
    DeviceRole.objects.get_or_create(slug="vpn-server", defaults=role)


seed(json.load(sys.stdin))
