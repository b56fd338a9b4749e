"""What a writer is asked for, declared ahead of it."""

from typing import Any

import pulumi

from providers.intent import Intent
from vpn import tables
from vpn.files import sha256


def epoch(
    writer: str, inputs: dict[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
) -> pulumi.Output[int]:
    """Declare the intent of `writer`, the name of a resource, and return the epoch that it takes beside its `inputs`.

    Nobody reads a secret off the digest: it is secret itself when one of the inputs is.
    """
    asked = pulumi.Output.all(**inputs).apply(digest)
    return Intent(f"{writer}-intent", asked=asked, opts=opts).epoch


def digest(inputs: dict[str, Any]) -> str:
    """Return what tells inputs apart."""
    return sha256(tables.dumps(inputs).encode())[:16]
