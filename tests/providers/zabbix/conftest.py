"""Both releases of Zabbix, for real, and Pulumi's real plugin host before them."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from lab.services.zabbix_api import Api, deploy_token, ensure_groups
from lab.services.zabbix_image import image
from lab.site import Site
from providers.zabbix import RegistrationProvider, ReservationProvider
from tests.providers.host import Diff, Host
from tests.providers.zabbix.server import VERSIONS, ZabbixServer
from vpn import rendering
from vpn.agent import psk_identity
from vpn.monitoring import TemplateIdentity, import_source, template_name

GROUP = "VPN"
MARK = "wireguard-vpn/test/0123456789abcdef"
PSK = "c0ffee" * 10 + "beef"
RESERVATION, REGISTRATION = ReservationProvider(), RegistrationProvider()
newest = pytest.mark.parametrize("server", VERSIONS[-1:], indirect=True)
"""For what no release decides: the provider's own logic, and the way to Zabbix with whatever breaks on it."""


@pytest.fixture(scope="session", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[ZabbixServer]:
    """One Zabbix of each release, with the groups and the token an administrator would prepare."""
    if os.geteuid() or not shutil.which("mmdebstrap"):
        pytest.skip("a real Zabbix runs in a chroot made by mmdebstrap: needs root and mmdebstrap")
    with ZabbixServer(request.param, image(request.param).tree(Site.of())) as running:
        running.token = deploy_token(running.api, ensure_groups(running.api, GROUP))
        yield running


@dataclass
class Stack:
    """One stack's two resources before a plugin host, as the engine would drive them."""

    api: Api
    inputs: dict[str, Any]
    id: str = ""
    outs: dict[str, Any] = field(default_factory=dict)
    host: Host = field(init=False)

    def configure(self, config: dict[str, str]) -> None:
        """Start a plugin host with this config, as each command of Pulumi does."""
        if hasattr(self, "host"):
            self.host.close()
        self.host = Host()
        self.host.configure(config)

    @property
    def reservation(self) -> dict[str, Any]:
        """Inputs of the reservation."""
        keys = ("mark", "host", "template_name", "host_group", "adopt")
        return {key: self.inputs[key] for key in keys}

    def check(self) -> dict[str, str]:
        """Return what preview would refuse, by property."""
        return self.host.check(RESERVATION, {}, self.reservation)[1]

    def up(self) -> None:
        """Check, then create or update; raises HostError."""
        checked, failures = self.host.check(REGISTRATION, self.outs, self.inputs)
        assert not failures
        if not self.id:
            self.id, self.outs = self.host.create(REGISTRATION, checked)
        elif self.diff().changes:
            self.outs = self.host.update(REGISTRATION, self.id, self.outs, checked)

    def diff(self) -> Diff:
        """Compare the inputs with what is known of the resource."""
        return self.host.diff(REGISTRATION, self.outs, self.inputs, self.id)

    def refresh(self) -> None:
        """Observe; a resource that is gone has no id afterwards."""
        self.id, self.outs, _ = self.host.read(REGISTRATION, self.id, self.outs)

    def destroy(self) -> None:
        """Delete in the engine's order."""
        if self.id:
            self.host.delete(REGISTRATION, self.id, self.outs)
        self.host.delete(RESERVATION, self.inputs["host"], self.reservation)
        self.id, self.outs = "", {}

    def raw(self) -> dict[str, Any]:
        """Return the host as Zabbix's administrator sees it."""
        wanted = {
            "filter": {"host": [self.inputs["host"]]},
            "selectTags": ["tag", "value"],
            "selectInterfaces": "extend",
            "selectParentTemplates": ["templateid", "name"],
            "selectMacros": "extend",
        }
        found = self.api("host.get", wanted)
        assert len(found) == 1
        return dict(found[0])


def inputs(host: str = "wireguard.infra.local", backup_url: str = "", **changes: Any) -> dict[str, Any]:
    """Return a registration's inputs, as the component composes them."""
    base: dict[str, Any] = {
        "mark": MARK,
        "host": host,
        "host_group": GROUP,
        "adopt": False,
        "address": "192.168.20.90",
        "port": 10050,
        "description": f"WireGuard VPN server\npulumi: {MARK}",
        "enabled": True,
        "psk": PSK,
        "psk_identity": psk_identity(host, PSK),
        **changes,
    }
    name = template_name(base["host"])
    identity = TemplateIdentity(name, base["host_group"], base["mark"])
    return {"template_name": name, "template": source(identity, backup_url), **base}


def source(identity: TemplateIdentity, backup_url: str = "") -> str:
    """Return the template as this stack imports it; with a PBS to ask, the item that asks it is on."""
    text = rendering.static("zabbix/template.yaml").decode()
    macros = {"{$WIREGUARD.PORT}": "51820"}
    if backup_url:
        pbs = {"URL": backup_url, "DATASTORE": "backup", "NAMESPACE": "", "ID": "2090"}
        macros |= {f"{{$WIREGUARD.BACKUP.{name}}}": value for name, value in pbs.items()}
    return import_source(text, identity, macros, backup=bool(backup_url))


def config(server: ZabbixServer, **changes: str) -> dict[str, str]:
    """Return the stack's config for the server."""
    values = {"zabbix_url": server.url, "zabbix_token": server.token, **changes}
    return {f"wireguard-vpn:{key}": value for key, value in values.items()}


def super_token(api: Api) -> str:
    """Return a token of a super admin, who may make groups."""
    token = api("token.create", {"name": f"super {uuid4()}", "userid": "1"})["tokenids"][0]
    return str(api("token.generate", [token])[0]["token"])


@pytest.fixture
def stack(server: ZabbixServer) -> Iterator[Stack]:
    """A stack that does not exist yet; whatever a test leaves of it is removed."""
    made = Stack(server.api, inputs())
    made.configure(config(server))
    yield made
    made.host.close()
    _wipe(server.api)


def _wipe(api: Api) -> None:
    """Remove every host and template: the servers made here start without any."""
    hosts = [host["hostid"] for host in api("host.get", {"output": ["hostid"]})]
    templates = [each["templateid"] for each in api("template.get", {"output": ["templateid"]})]
    if hosts:
        api("host.delete", hosts)
    if templates:
        api("template.delete", templates)
