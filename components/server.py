"""The server inside the container: found, observed, and pushed as a whole over SSH."""

import pulumi
from pulumi_command import remote

from components.container import Container
from components.keys import Keys
from components.outputs import public
from providers.host_key import HostKey
from providers.server_state import ServerState
from vpn.bundle import bootstrap, expectation, fingerprints, pack
from vpn.keyring import SSH
from vpn.network import Network
from vpn.settings import Settings
from vpn.settings import Ssh

USER = "root"
BOOT_PATIENCE = 60
"""How many times a container that still boots is dialled."""


class Server(pulumi.ComponentResource):
    """WireGuard in the container, as `network` says; `plan` tells what the last change did."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        container: Container,
        keys: Keys,
        network: pulumi.Output[Network],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Server", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        jump = jump_host(settings.ssh)
        host_key = HostKey(
            "host-key",
            address=container.address,
            instance=container.instance,
            given=settings.ssh.ssh_host_key,
            jump=jump,
            opts=child,
        )
        way = {
            "host": container.address,
            "user": USER,
            "private_key": keys.secret(SSH),
            "host_key": host_key.key,
        }
        state = ServerState(
            "server-state",
            fingerprints=public(network, lambda n: fingerprints(n).to_dict()),
            expectation=public(network, lambda n: expectation(n).to_dict()),
            instance=container.instance,
            connection=pulumi.Output.secret({**way, "jump": jump}),
            node=settings.proxmox.proxmox_node,
            container_id=settings.container.container_id,
            opts=child,
        )
        bundle = pulumi.Output.all(network, state.epoch, container.instance).apply(
            lambda known: pack(known[0], epoch=int(known[1]), instance=known[2])
        )
        remote.Command(
            "server",
            connection=remote.ConnectionArgs(**way, dial_error_limit=BOOT_PATIENCE, proxy=jump),
            create=bootstrap(),
            stdin=pulumi.Output.secret(bundle),
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[state],
                deleted_with=container.guest,
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
        self.plan = state.plan
        self.register_outputs({"plan": self.plan})


def jump_host(ssh: Ssh) -> dict[str, pulumi.Input[str | int]] | None:
    """Return the jump host as pulumi-command takes it; None when the container is in reach."""
    if ssh.ssh_jump_host is None or ssh.ssh_jump_private_key is None:
        return None
    return {
        "host": ssh.ssh_jump_host,
        "port": ssh.ssh_jump_port,
        "user": ssh.ssh_jump_user,
        "private_key": pulumi.Output.secret(ssh.ssh_jump_private_key.get_secret_value()),
        "host_key": ssh.ssh_jump_host_key or "",
    }
