"""All endpoint families; importing this module registers them."""

from lab.pve import (  # noqa: F401 - each registers its endpoints
    access,
    acl,
    backup_info,
    backup_jobs,
    cluster_api,
    firewall,
    lxc_config,
    lxc_create,
    lxc_destroy,
    lxc_status,
    node,
    pools,
    storage,
    storage_content,
    tasks_api,
    templates,
    vzdump,
)
from lab.pve.routing import ROUTER

__all__ = ["ROUTER"]
