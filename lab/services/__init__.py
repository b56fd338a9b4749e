"""Real NetBox and Zabbix, each in a container of the site.

Each is a module with VMID, start(site), stop(site) and variables(site). They take minutes to build
the first time, so a site has only those that were once asked for.
"""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from lab.containers import Containers
from lab.errors import LabError
from lab.site import Site

NAMES = ("netbox", "zabbix")


def start(site: Site, asked: Iterable[str] = ()) -> None:
    """Start the services asked for and those the site has already; raises LabError."""
    names = set(asked)
    if names - set(NAMES):
        raise LabError(f"the lab knows the services {', '.join(NAMES)}, not {', '.join(sorted(names - set(NAMES)))}")
    for name in NAMES:
        if name in names or _module(name) in present(site):
            _module(name).start(site)


def variables(site: Site) -> dict[str, str]:
    """Return what the program needs to reach the services the site has."""
    return {key: value for service in present(site) for key, value in service.variables(site).items()}


def present(site: Site) -> list[ModuleType]:
    """Return the services whose container the site has."""
    containers = Containers(site)
    return [_module(name) for name in NAMES if containers.exists(_module(name).VMID)]


def _module(name: str) -> ModuleType:
    return import_module(f"lab.services.{name}")
