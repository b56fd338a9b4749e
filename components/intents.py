"""What a writer is asked for, declared ahead of it."""

from typing import Any

import pulumi

from providers.intent import Intent
from vpn import tables
from vpn.files import sha256


def epoch(
    writer: str, inputs: dict[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
) -> pulumi.Output[int]:
    """Declare the intent of `writer` and return the epoch that it takes beside its `inputs`."""
    return intent(writer, inputs, opts).epoch


def intent(writer: str, inputs: dict[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None) -> Intent:
    """Declare the intent of `writer`, the name of a resource, over its `inputs`.

    Nobody reads a secret off the digest: it is secret itself when one of the inputs is.
    """
    return Intent(f"{writer}-intent", asked=pulumi.Output.all(**inputs).apply(digest), opts=opts)


def digest(inputs: dict[str, Any]) -> str:
    """Return what tells inputs apart."""
    return sha256(tables.dumps(inputs).encode())[:16]
