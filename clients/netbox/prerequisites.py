"""What must be true before NetBox is written to: its version, the token's rights, site and cluster."""

from collections.abc import Iterator

from clients.netbox.api import NetBox
from clients.netbox.directory import EXISTING, Directory
from clients.netbox.kinds import KINDS
from clients.netbox.mark import PATH
from clients.netbox.transport import SYSTEM
from vpn.errors import BadAnswer, ConfigError, Forbidden, Problem

OLDEST = (4, 2)
"""First version whose prefixes have a scope (NetBox release notes, 4.2)."""
LOOK = frozenset({"view"})
KEEP = frozenset({"view", "add", "change", "delete"})
MODELS = {"site": "dcim.site", "cluster": "virtualization.cluster", "role": "dcim.devicerole"}


def check(netbox: NetBox, configured: dict[str, str]) -> None:
    """Raise the one error that says what is missing; ConfigError holds every missing name.

    `configured` are the names of site, cluster and role; the role may be empty.
    """
    version = netbox.version()
    if version < OLDEST:
        said = "{}.{} is older than {}.{}".format(*version, *OLDEST)
        raise BadAnswer(SYSTEM, f"{said}, the oldest this program writes to")
    lacking = sorted(_lacking(netbox, configured))
    if lacking:
        raise Forbidden(SYSTEM, f"the token's user lacks the permissions {', '.join(lacking)}", 403)
    problems = [*_misses(netbox, configured)]
    if problems:
        raise ConfigError(problems)


def _lacking(netbox: NetBox, configured: dict[str, str]) -> Iterator[str]:
    """Name every missing permission as NetBox does: `app.action_model`."""
    paths = {EXISTING[field]: (MODELS[field], LOOK) for field, name in configured.items() if name}
    paths |= {PATH: ("extras.tag", KEEP)}
    paths |= {kind.path: (kind.model, KEEP) for kind in KINDS}
    for path, (model, actions) in paths.items():
        app, _, name = model.partition(".")
        yield from (f"{app}.{action}_{name}" for action in netbox.denied(path, actions))


def _misses(netbox: NetBox, configured: dict[str, str]) -> Iterator[Problem]:
    directory = Directory(netbox, configured)
    for field, name in configured.items():
        try:
            found = directory.existing(field, name) if name else {}
        except ConfigError as error:
            yield from error.problems
            continue
        if field == "role" and found and not found.get("vm_role"):
            yield Problem("netbox_role", name, "is a role that NetBox does not allow for virtual machines")
