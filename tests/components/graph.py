"""The program's resource graph, declared against Pulumi's mocks: no engine, no plugin, no network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks

from components.vpn import Vpn
from providers.address_ledger import AddressLedgerProvider
from providers.base import Provider
from providers.keyring import KeyringProvider
from vpn import tables
from vpn.settings import Settings, parse

BASE = {
    "ip_address": "192.168.20.90/16",
    "gateway": "192.168.10.1",
    "netbox_enabled": False,
    "zabbix_enabled": False,
    "pbs_enabled": False,
}
ENVIRONMENT = {
    "PROXMOX_VE_ENDPOINT": "https://pve.infra.local:8006",
    "PROXMOX_VE_API_TOKEN": "wg@pve!pulumi=00000000-0000-0000-0000-000000000000",
    "NETBOX_URL": "https://netbox.infra.local",
    "NETBOX_TOKEN": "token-of-netbox",
    "ZABBIX_URL": "https://zabbix.infra.local",
    "ZABBIX_TOKEN": "token-of-zabbix",
    "PBS_URL": "https://pbs.infra.local:8007",
    "PBS_TOKEN": "wg@pbs!pulumi:00000000-0000-0000-0000-000000000000",
}
SYSTEMS = {
    "netbox_enabled": True,
    "netbox_site": "main",
    "netbox_cluster": "pve",
    "zabbix_enabled": True,
    "zabbix_server": "192.168.10.30",
    "pbs_enabled": True,
    "pbs_datastore": "backup",
    "pbs_storage": "pbs",
}
"""All systems around the server, switched on."""
MAC = "BC:24:11:00:00:01"
DHCP_ADDRESS = "192.168.30.7"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE = "4dabf18193072939515e22adb298388d"
DECIDED_AT_CHECK: Mapping[str, type[Provider[Any]]] = {"keyring": KeyringProvider, "addresses": AddressLedgerProvider}


def settings(**config: Any) -> Settings:
    """Return settings for a static address, without the systems around."""
    return parse(BASE | config, environ=ENVIRONMENT)


def opened(value: Any) -> Any:
    """Return a value of the wire without its marks of secrecy, and without what is not set."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return opened(value["value"])
        return {key: opened(each) for key, each in value.items() if each is not None}
    return [opened(each) for each in value] if isinstance(value, list) else value


class Answers(mocks.Mocks):
    """Resources as they come back: inputs, with what the systems or a provider's check add."""

    keys: Mapping[str, dict[str, Any]]
    public: Mapping[str, dict[str, Any]]

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = dict(addresses)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Answer one registration."""
        inputs = opened(args.inputs)
        if args.name in DECIDED_AT_CHECK:
            inputs = DECIDED_AT_CHECK[args.name]().check({}, inputs).inputs
        if args.name == "keyring":
            self.keys = tables.loads(inputs["keys"])
            self.public = tables.loads(inputs["public"])
            inputs["keys"] = pulumi.Output.secret(inputs["keys"])
        if args.typ.endswith(":ContainerLegacy"):
            nics = [{**nic, "macAddress": MAC} for nic in inputs["networkInterfaces"]]
            inputs |= {"networkInterfaces": nics, "ipv4": self.addresses}
        if args.typ.endswith(":Intent"):
            inputs["epoch"] = 0
        if args.name == "host-key":
            inputs["key"] = "ssh-ed25519 AAAA"
        if args.name == "backup-reservation":
            inputs["warnings"] = ["Proxmox Backup Server: the token has Sys.Modify"]
        if args.name == "server-state":
            inputs |= {"epoch": 1, "plan": {"kind": "first", "summary": ["2 peers", "first"]}, "drift": []}
        return f"{args.name}-id", inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        """Refuse: the program calls no functions."""
        raise AssertionError(args.token)


@dataclass(frozen=True)
class Resource:
    """One registered resource as the engine gets it; `request` is the whole registration."""

    request: Any

    @property
    def name(self) -> str:
        """Logical name."""
        return str(self.request.name)

    @property
    def type(self) -> str:
        """Type token."""
        return str(self.request.type)

    @property
    def raw(self) -> dict[str, Any]:
        """Inputs as on the wire, secrets marked."""
        return dict(json_format.MessageToDict(self.request.object))

    @property
    def inputs(self) -> dict[str, Any]:
        """Inputs, marks of secrecy taken off."""
        return dict(opened(self.raw))

    @property
    def dependencies(self) -> set[str]:
        """Names of the resources it waits for, directly."""
        return {urn.rsplit("::", 1)[1] for urn in self.request.dependencies}

    @property
    def deleted_with(self) -> str:
        """Name of the resource whose deletion takes this one along; empty for none."""
        return str(self.request.deletedWith).rpartition("::")[2]


class Graph(mocks.MockMonitor):
    """Everything the program registered, in order, and its outputs."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        super().__init__(self.answers)
        self.requests: list[Any] = []
        self.outputs: dict[str, Any] = {}
        self.secret_outputs: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the monitor's own name
        """Keep what is registered."""
        self.requests.append(request)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    @property
    def custom(self) -> dict[str, Resource]:
        """The resources that a provider manages, by name, in order of registration."""
        found = [Resource(r) for r in self.requests if r.custom and "providers" not in r.type]
        return {each.name: each for each in found}

    def waits_for(self, name: str, other: str) -> bool:
        """Whether `name` is made after `other`, directly or not."""
        seen: set[str] = set()
        todo = {name}
        while todo:
            direct = set().union(*(self.custom[n].dependencies for n in todo if n in self.custom))
            todo = direct - seen
            seen |= todo
        return other in seen


LEASED = {"eth0": DHCP_ADDRESS}


def declare(given: Settings, *, addresses: Mapping[str, str] = LEASED, preview: bool = False) -> Graph:
    """Declare the program with these settings, for a container with these addresses; return what it registered."""
    graph = Graph(Answers(addresses))
    mocks.set_mocks(graph.answers, project="wireguard-vpn", stack="test", monitor=graph, preview=preview)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> Any:
        vpn = Vpn("vpn", given)
        return pulumi.Output.all(*(_kept(graph, name, v) for name, v in vpn.outputs.items()))

    run: Callable[[], None] = program
    run()
    return graph


def _kept(graph: Graph, name: str, value: pulumi.Input[Any]) -> pulumi.Output[Any]:
    output = pulumi.Output.from_input(value)
    pulumi.Output.from_input(output.is_secret()).apply(  # type: ignore[arg-type]
        lambda secret: graph.secret_outputs.add(name) if secret else None
    )
    return output.apply(lambda known: graph.outputs.__setitem__(name, known))
