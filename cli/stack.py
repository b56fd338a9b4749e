"""One stack as the commands see it: what is configured, and what is deployed. Each is read once, when asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cli.pulumi import Pulumi

if TYPE_CHECKING:
    from cli.configured import Configured
    from cli.deployed import Deployed
    from clients.ssh import Way


@dataclass(frozen=True)
class Stack:
    """The stack `name` (None: the selected one) of the project in `directory`."""

    directory: Path
    name: str | None = None

    @cached_property
    def pulumi(self) -> Pulumi:
        """The `pulumi` command on this stack."""
        return Pulumi(self.directory, self.name)

    @cached_property
    def deployed(self) -> Deployed:
        """What the last `up` made."""
        from cli.deployed import Deployed  # noqa: PLC0415 - half a second that not every command needs

        return Deployed(self.pulumi.export())

    @property
    def configured(self) -> Configured:
        """What is configured now, read anew each time: commands change it."""
        from cli.configured import Configured  # noqa: PLC0415 - as above

        return Configured.read(self.pulumi, os.environ)

    def way(self) -> Way:
        """Return the way to the server, by the jump host that is configured now."""
        return self.deployed.way(self.configured.jump())
