"""A provider that behaves as a test asks, to see the manners of the base through Pulumi's host."""

from providers.base import Provider
from providers.credentials import setting
from providers.props import Props
from vpn.errors import ConfigError, NotFound, Problem

CANARY = "CANARY+0000000000000000000000000000000000AA="
TOKEN = "wg@pve!t=canary-5f1c-4f0e-9d1d-000000000000"


class SampleProps(Props):
    """One value of each kind."""

    count: int
    note: str | None = None
    names: tuple[str, ...] = ()
    behave: str = ""
    secret: str = ""
    said: str = ""


class SampleProvider(Provider[SampleProps]):
    """Fails on request, and tells the credential it sees."""

    props = SampleProps
    computed = frozenset({"said"})
    replace_on = frozenset({"note"})

    def on_check(self, old: SampleProps | None, new: SampleProps) -> SampleProps:
        """Refuse some counts."""
        del old
        if new.count < 0:
            raise ConfigError([Problem("count", str(new.count), "must be positive"), Problem("secret", None, "is bad")])
        return new

    def on_create(self, new: SampleProps) -> tuple[str, SampleProps]:
        """Make it, or fail as asked."""
        _misbehave(new)
        said = setting("netbox_token", "NETBOX_TOKEN") or "no token"
        return "made", new.with_(said=said if new.behave == "tell" else type(new.count).__name__)

    def on_read(self, id_: str, old: SampleProps) -> SampleProps | None:
        """Be gone, or have one more."""
        del id_
        _misbehave(old)
        return None if old.behave == "gone" else old.with_(count=old.count + 1)


def _misbehave(props: SampleProps) -> None:
    if props.behave == "client":
        raise NotFound("NetBox", f"no object; key {CANARY}, token {TOKEN}")
    if props.behave == "defect":
        raise RuntimeError(props.secret)
