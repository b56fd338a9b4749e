"""Zabbix's agent on the server: what it is told, and the collector whose file it reads.

The agent runs without privileges and answers one item, `wireguard.status`. A collector that runs as
root writes that item's file; it asks `wg` only for what is public, so no key can reach Zabbix.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from vpn import rendering

PORT: Final = 10050
PACKAGE: Final = "zabbix-agent2"
AGENT_UNIT: Final = "zabbix-agent2.service"
CONFIG_FILE: Final = "/etc/wireguard-vpn/zabbix_agent2.conf"
PSK_FILE: Final = "/etc/wireguard-vpn/zabbix.psk"
COLLECTOR: Final = "/usr/local/lib/wireguard-vpn/status"
COLLECTOR_UNIT_FILE: Final = "/etc/systemd/system/wireguard-vpn-status@.service"
AGENT_DROP_IN: Final = "/etc/systemd/system/zabbix-agent2.service.d/wireguard-vpn.conf"


@dataclass(frozen=True)
class Agent:
    """The agent of one server: its host name in Zabbix, the Zabbix server it answers, its preshared key in hex."""

    host: str
    server: str
    psk: str = field(repr=False)


@dataclass(frozen=True)
class AgentFile:
    """One file: mode (`0640:zabbix` names a group), path, name in the bundle, content. One holds the key."""

    mode: str
    target: str
    member: str
    content: bytes = field(repr=False)


def psk_identity(host: str, psk: str) -> str:
    """Return the public name of a preshared key: another key has another name, so a rotation shows.

    Zabbix accepts one value per identity only (Zabbix manual, "Using pre-shared keys").
    """
    return f"{host} {hashlib.sha256(psk.encode()).hexdigest()[:8]}"


def files(agent: Agent) -> tuple[AgentFile, ...]:
    """Return the files of agent and collector."""
    return (
        AgentFile("0755", COLLECTOR, "zabbix-status", rendering.static("zabbix/status")),
        AgentFile("0644", COLLECTOR_UNIT_FILE, "zabbix-status.service", rendering.static("zabbix/status.service")),
        AgentFile("0644", AGENT_DROP_IN, "zabbix-agent.conf", rendering.static("zabbix/agent.service.conf")),
        AgentFile("0644", CONFIG_FILE, "zabbix_agent2.conf", config(agent).encode()),
        AgentFile("0640:zabbix", PSK_FILE, "zabbix.psk", f"{agent.psk}\n".encode()),
    )


def config(agent: Agent) -> str:
    """Return the agent's configuration: one server, encrypted, and no key but ours."""
    return rendering.render(
        "zabbix/agent2.conf.j2",
        host=agent.host,
        server=agent.server,
        port=PORT,
        psk_identity=psk_identity(agent.host, agent.psk),
        psk_file=PSK_FILE,
    )


def units(interface: str) -> tuple[str, ...]:
    """Return the units of collector and agent, in the order they start."""
    return (collector_unit(interface), AGENT_UNIT)


def collector_unit(interface: str) -> str:
    """Return the collector's unit for an interface."""
    return f"wireguard-vpn-status@{interface}.service"


def restarts(interface: str) -> tuple[tuple[str, str], ...]:
    """Return which changed file restarts which unit."""
    collector = [(path, collector_unit(interface)) for path in (COLLECTOR, COLLECTOR_UNIT_FILE)]
    return (*collector, *((path, AGENT_UNIT) for path in (CONFIG_FILE, PSK_FILE, AGENT_DROP_IN)))
