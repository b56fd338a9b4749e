"""All endpoint families; importing this module registers them."""

from lab.pbs import config_api, datastore_api, snapshots_api, system_api


__all__ = ["config_api", "datastore_api", "snapshots_api", "system_api"]
