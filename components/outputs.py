"""What may leave the circle of secrets."""

from collections.abc import Callable
from typing import TypeVar

import pulumi

from vpn.network import Network

T = TypeVar("T")


def public(network: pulumi.Output[Network], view: Callable[[Network], T]) -> pulumi.Output[T]:
    """Return a view of the network in the clear.

    The network is secret as a whole because it holds keys, and so would be whatever is made of
    it; `view` vouches that what it returns holds none.
    """
    return pulumi.Output.unsecret(network.apply(view))


def secret(value: pulumi.Output[T]) -> pulumi.Output[T]:
    """Return an output marked secret, whatever it was made of."""
    return pulumi.Output.secret(value)
