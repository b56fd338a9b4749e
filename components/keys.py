"""Keys and addresses: what the stack makes once and keeps."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pulumi

from providers.address_ledger import AddressLedger
from providers.keyring import Keyring
from vpn import addresses, keyring
from vpn.settings import Settings


class Keys(pulumi.ComponentResource):
    """The keyring with every secret of the stack, and the ledger of tunnel addresses."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("wireguard-vpn:index:Keys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=settings.container.protect)
        self.keyring = Keyring("keyring", settings, opts=child)
        self.addresses = AddressLedger("addresses", settings, opts=child)
        self.register_outputs({})
