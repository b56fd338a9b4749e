"""All endpoint families; importing this module registers them."""

from lab.pbs import config_api, datastore_api, snapshots_api, system_api  # noqa: F401 - each registers its endpoints
from lab.pbs.routing import ROUTER

__all__ = ["ROUTER"]
