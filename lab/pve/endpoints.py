"""All endpoint families; importing this module registers them."""

from lab.pve import (
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

FAMILIES = (
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
"""The modules that register endpoints."""
__all__ = ["FAMILIES", "ROUTER"]
