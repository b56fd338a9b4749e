"""What Pulumi's engine does with one resource, over the real plugin host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.dynamic import ResourceProvider

from components.intents import digest
from providers.intent import IntentProvider
from tests.providers.host import Host, HostError


class CheckFailed(Exception):
    """The engine stops at preview; the text is all failures."""


@dataclass
class Managed:
    """One resource with its state."""

    host: Host
    provider: ResourceProvider
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outs: dict[str, Any] = field(default_factory=dict)

    def preview(self, news: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the step the engine would take, and the checked inputs; raises CheckFailed."""
        inputs, failures = self.host.check(self.provider, self.inputs, news)
        if failures:
            raise CheckFailed("; ".join(f"{name}: {said}" for name, said in failures.items()))
        if not self.id:
            return "create", inputs
        diff = self.host.diff(self.provider, self.outs, inputs, self.id)
        assert not diff.replaces
        return ("update" if diff.changes else "same"), inputs

    def up(self, news: Mapping[str, Any]) -> str:
        """Bring it to `news` and return the step taken; raises CheckFailed and HostError."""
        step, inputs = self.preview(news)
        if step == "create":
            self.id, self.outs = self.host.create(self.provider, inputs)
        elif step == "update":
            self.outs = self.host.update(self.provider, self.id, self.outs, inputs)
        self.inputs = inputs
        return step

    def replace(self) -> None:
        """Make it anew as `--replace` does: check without the old values, create, then delete the original."""
        inputs, failures = self.host.check(self.provider, {}, self.inputs)
        if failures:
            raise CheckFailed("; ".join(f"{name}: {said}" for name, said in failures.items()))
        original = self.id, self.outs
        self.id, self.outs = self.host.create(self.provider, inputs)
        self.host.delete(self.provider, *original)

    def refresh(self) -> None:
        """Take over what is observed; forget the resource when it is gone."""
        if self.id:
            self.id, self.outs, self.inputs = self.host.read(self.provider, self.id, self.outs)

    def destroy(self) -> None:
        """Remove it."""
        if self.id:
            self.host.delete(self.provider, self.id, self.outs)
            self.id, self.inputs, self.outs = "", {}, {}


@dataclass
class Writer(Managed):
    """One that has its intent ahead of it, as the components declare both."""

    intent: Managed = field(init=False)

    def __post_init__(self) -> None:
        self.intent = Managed(self.host, IntentProvider())

    def up(self, news: Mapping[str, Any]) -> str:
        """Ask for `news`, then bring it there; return the step of the writer."""
        self.intent.host = self.host
        self.intent.up({"asked": digest(dict(news))})
        return super().up({**news, "epoch": self.intent.outs["epoch"]})


def error_of(action: Any, *args: Any) -> str:
    """Return the one error that an action ends with."""
    try:
        action(*args)
    except (HostError, CheckFailed) as error:
        return str(error)
    raise AssertionError("no error")
