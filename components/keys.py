"""Keys and addresses: what the stack makes once and keeps."""

import datetime as dt
from dataclasses import asdict
from typing import Any

import pulumi

from components.outputs import together
from providers.address_ledger import AddressLedger
from providers.keyring import Keyring
from vpn import addresses, keyring, notices, tables
from vpn.errors import ConfigError
from vpn.ledger import Ledger
from vpn.network import Network, resolve
from vpn.settings import Settings


class Keys(pulumi.ComponentResource):
    """The keyring with every secret of the stack, and the ledger of tunnel addresses."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wireguard-vpn:index:Keys", name, None, opts)
        self.settings = settings
        # The ledger refuses to lose peers with their file; only after that may their keys go.
        self.addresses = AddressLedger(
            "addresses",
            peers={c.name: [*map(str, c.fixed)] for c in addresses.claims(settings)},
            peers_file=settings.peers_file,
            subnets=[*map(str, settings.vpn_networks)],
            reserved=[*map(str, addresses.reserved(settings))],
            quarantine_days=settings.quarantine_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.keyring = Keyring(
            "keyring",
            requests=[asdict(request) for request in keyring.requests(settings)],
            given=pulumi.Output.secret(keyring.given(settings)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.addresses]),
        )
        self._entries = self.keyring.keys.apply(lambda text: keyring.Keyring.from_dict(tables.loads(text)))
        self.register_outputs({})

    def public(self, name: str) -> pulumi.Output[str]:
        """Return what may be shown of a key: a public key, or the owner's id."""
        return self.keyring.public.apply(lambda public: str(tables.loads(public)[name]["public_key"]))

    def secret(self, name: str) -> pulumi.Output[str]:
        """Return the secret part of a key, marked secret."""
        return self._entries.apply(lambda entries: entries[name].secret)

    def warnings(self) -> pulumi.Output[list[str]]:
        """Return what people should know before it hurts."""
        now, wanted = dt.datetime.now(dt.UTC), keyring.requests(self.settings)
        found = self._entries.apply(lambda entries: [*notices.warnings(self.settings, wanted, entries, now)])
        return pulumi.Output.unsecret(found)

    def network(self, ct_address: pulumi.Input[str] | None = None) -> pulumi.Output[Network]:
        """Return the effective server, marked secret: it holds keys.

        Only what clients dial may need the container's address; without it a preview knows the
        rest before DHCP has spoken.
        """
        now = dt.datetime.now(dt.UTC)
        address = pulumi.Output.from_input(ct_address)
        known = together(self._entries, self.addresses.leases, self.addresses.released, address)
        return known.apply(
            lambda found: _resolved(
                self.settings,
                found[0],
                Ledger.from_dict({"leases": tables.loads(found[1]), "released": tables.loads(found[2])}),
                now,
                ct_address=found[3],
            )
        )


def _resolved(*args: Any, **options: Any) -> Network:
    """Resolve the network; a broken rule is told as one, without a traceback."""
    try:
        return resolve(*args, **options)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
