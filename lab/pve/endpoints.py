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


__all__ = [
    "access",
    "acl",
    "backup_info",
    "backup_jobs",
    "cluster_api",
    "firewall",
    "lxc_config",
    "lxc_create",
    "lxc_destroy",
    "lxc_status",
    "node",
    "pools",
    "storage",
    "storage_content",
    "tasks_api",
    "templates",
    "vzdump",
]
