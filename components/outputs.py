"""Which parts of a secret output are public."""

from collections.abc import Callable
from typing import Any, TypeVar

import pulumi

S = TypeVar("S")
T = TypeVar("T")


def public(network: pulumi.Output[S], view: Callable[[S], T]) -> pulumi.Output[T]:
    """Return a view of the network, or of the network and more, in the clear.

    The network is secret as a whole because it holds keys, and so would be whatever is made of
    it; `view` vouches that what it returns holds none, nor a function that still has the network.
    """
    return pulumi.Output.unsecret(network.apply(view))


def secret(value: pulumi.Output[T]) -> pulumi.Output[T]:
    """Return an output marked secret, whatever it was made of.

    Unlike `Output.secret` of it, this does not look for further outputs inside each of thousands of entries.
    """
    return pulumi.Output.secret(None).apply(lambda _: value)


def together(first: pulumi.Output[Any], *others: pulumi.Output[Any]) -> pulumi.Output[tuple[Any, ...]]:
    """Return the values of several outputs as one.

    Unlike `Output.all` it does not look for further outputs inside each of thousands of entries.
    """
    if not others:
        return first.apply(lambda value: (value,))
    return first.apply(lambda value: together(*others).apply(lambda rest: (value, *rest)))
