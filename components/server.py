"""The server inside the container: found, observed, and pushed as a whole over SSH."""

from typing import Any

import pulumi
from pulumi_command import remote

from components.container import Container
from components.keys import Keys
from components.options import child, waiting
from components.outputs import public, secret
from providers.host_key import HostKey
from providers.server_state import ServerState
from vpn.bundle import bootstrap, expectation, fingerprints, pack
from vpn.keyring import SSH
from vpn.network import Network
from vpn.settings import Settings, Ssh

USER = "root"
DIALS = 15
"""How many times a container that still boots is dialled: for half a minute, with growing pauses."""


class Server(pulumi.ComponentResource):
    """WireGuard in the container, as `network` says; `plan` tells what the last change did."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        container: Container,
        keys: Keys,
        network: pulumi.Output[Network],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Server", name, None, opts)
        self.container, self.private_key, self.jump = container, keys.secret(SSH), jump_host(settings.ssh)
        host_key = self._host_key(settings, waiting(self, opts))
        state = self._state(settings, network, host_key, child(self, opts))
        bundle = pulumi.Output.all(network, state.epoch, container.instance).apply(
            lambda known: pack(known[0], epoch=int(known[1]), instance=known[2])
        )
        remote.Command(
            name,
            connection=self._connection(host_key),
            create=bootstrap(),
            stdin=secret(bundle),
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,  # an ordinary sshd refuses it
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[state],
                deleted_with=container.guest,
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
        self.plan = state.plan.apply(lambda plan: "; ".join(plan["summary"]))
        self.register_outputs({"plan": self.plan})

    def _host_key(self, settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """Take the host key that is given, or pin the first one seen through the jump host."""
        return HostKey(
            "host-key",
            address=self.container.address,
            instance=self.container.instance,
            given=settings.ssh.ssh_host_key,
            jump=self.jump,
            opts=opts,
        ).key

    def _state(
        self,
        settings: Settings,
        network: pulumi.Output[Network],
        host_key: pulumi.Output[str],
        opts: pulumi.ResourceOptions,
    ) -> ServerState:
        """Declare what the server is expected to be; it is observed by refresh and retired at the end."""
        way = {"host": self.container.address, "user": USER, "private_key": self.private_key, "host_key": host_key}
        return ServerState(
            "server-state",
            fingerprints=public(network, lambda n: fingerprints(n).to_dict()),
            expectation=public(network, lambda n: expectation(n).to_dict()),
            instance=self.container.instance,
            connection=pulumi.Output.secret({**way, "jump": self.jump}),
            node=settings.proxmox.proxmox_node,
            container_id=settings.container.container_id,
            mark=self.container.mark,
            opts=opts,
        )

    def _connection(self, host_key: pulumi.Output[str]) -> remote.ConnectionArgs:
        return remote.ConnectionArgs(
            host=self.container.address,
            user=USER,
            private_key=self.private_key,
            host_key=host_key,
            dial_error_limit=DIALS,
            proxy=remote.ProxyConnectionArgs(**self.jump) if self.jump else None,
        )


def jump_host(ssh: Ssh) -> dict[str, Any] | None:
    """Return the jump host as pulumi-command takes it; None when the container is in reach."""
    if ssh.ssh_jump_host is None or ssh.ssh_jump_private_key is None:
        return None
    return {
        "host": ssh.ssh_jump_host,
        "port": ssh.ssh_jump_port,
        "user": ssh.ssh_jump_user,
        "private_key": pulumi.Output.secret(ssh.ssh_jump_private_key.get_secret_value()),
        "host_key": ssh.ssh_jump_host_key,
    }
