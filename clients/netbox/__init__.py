"""NetBox: a typed client over pynetbox, and how a VPN server is kept in it.

records   what NetBox shall say about a server (pure)
plan      the writes from what it says to what it shall say (pure)
api       the requests; transport: their way; fields, kinds: what they carry
observe, directory, mark, dependents, prerequisites: looking, naming, owning
writes, registry: doing
"""

from clients.netbox import prerequisites
from clients.netbox.api import Access, NetBox
from clients.netbox.fields import Fields, Records, whole
from clients.netbox.mark import Mark
from clients.netbox.records import Peer, Server, problems, reservation, wanted
from clients.netbox.registry import Registry

__all__ = [
    "Access",
    "Fields",
    "Mark",
    "NetBox",
    "Peer",
    "Records",
    "Registry",
    "Server",
    "prerequisites",
    "problems",
    "reservation",
    "wanted",
    "whole",
]
