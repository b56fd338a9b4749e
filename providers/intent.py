"""What a writer is asked for, kept before it begins.

An update that fails midway leaves the state as it was, though half of it is made. Taken back in the configuration it
would be no change at all, and that half would stay. So ahead of each writer (the container's proof, the firewall's
rules, each registration) stands its intent: it asks nobody and so succeeds, and raises the epoch whenever something
else is asked for than last. The epoch is an input of the writer, hence to go back is an update too, which looks at
what is there and converges.
`ServerState` is the same for the command.
"""

import pulumi
from pulumi.dynamic import Resource

from providers.base import Provider
from providers.props import Props


class IntentProps(Props):
    """`asked` is a digest of the writer's inputs, `epoch` counts how often it became another."""

    asked: str = ""
    epoch: int | None = None


class IntentProvider(Provider[IntentProps]):
    """Counts what is asked for; lives in the state alone."""

    props = IntentProps

    def on_check(self, old: IntentProps | None, new: IntentProps) -> IntentProps:
        """Raise the epoch when something else is asked for, as far as it is known.

        The first one is that of a writer that an older version left in the state: it has nothing to do.
        """
        another = old is not None and "asked" not in new.unknown and new.asked != old.asked
        return new.with_(epoch=(old.epoch or 0 if old else 0) + another)

    def on_create(self, new: IntentProps) -> tuple[str, IntentProps]:
        """Keep it."""
        return "intent", new


class Intent(Resource, module="vpn", name="Intent"):
    """What the writer after it is asked for; `epoch` is what that writer takes as an input."""

    epoch: pulumi.Output[int]

    def __init__(self, name: str, *, asked: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(IntentProvider(), name, {"asked": asked, "epoch": None}, opts)
