"""All endpoint families; importing this module registers them."""

from lab.pbs import config_api, datastore_api, snapshots_api, system_api
from lab.pbs.routing import ROUTER

FAMILIES = (config_api, datastore_api, snapshots_api, system_api)
"""The modules that register endpoints."""
__all__ = ["FAMILIES", "ROUTER"]
