"""The server as it is, before the command that changes it: what refresh observes and preview tells.

pulumi-command has no read. Here `read` observes the server, and what it finds wrong becomes an
input; the next `check` sees it, raises the epoch, which is part of the bundle, and so the command
runs again. `check` also says, before anything happens, what kind of change it will be.
"""

import json
import time
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.ssh import Session
from providers import connections
from providers.base import Provider
from providers.props import Props
from providers.vmid import UNMARKED, holder, refuse_held
from providers.ways import Connection
from vpn import bundle, drift, plan
from vpn.errors import ConfigError, HostKeyChanged, OwnershipError, SshError, StackError
from vpn.expectation import Expectation
from vpn.fingerprints import Fingerprints

OBSERVE_SECONDS = 60.0
RETIRE_SECONDS = 300.0
IF_ANEW = "if the container is made anew: first configuration of it"
"""What a preview adds when it cannot know yet whether the container stays."""


class StateProps(Props):
    """`fingerprints` and `expectation` as `vpn.bundle` makes them; `node` and `container_id` name the guest.

    `instance` is the MAC address of our container, `mark` the line of its notes without which the claim lets it live.
    `plan` (kind and summary) is what the last change does, `epoch` rises with each version and repair, `drift` is what
    refresh found.
    """

    as_text = frozenset({"fingerprints", "expectation"})
    fingerprints: dict[str, Any] = {}
    expectation: dict[str, Any] = {}
    instance: str = ""
    connection: Connection | None = None
    node: str | None = None
    container_id: int | None = None
    mark: str = ""
    plan: dict[str, Any] | None = None
    epoch: int | None = None
    drift: list[str] = []


class ServerStateProvider(Provider[StateProps]):
    """Observes, plans and, at the end, retires the service."""

    props = StateProps

    def on_check(self, old: StateProps | None, new: StateProps) -> StateProps:
        """Decide plan and epoch from the old state, what refresh found, and the new version."""
        known = "instance" not in new.unknown
        same = _of_this_server(old, new)
        found = old.drift if old else []
        raised = same is None or found or _differs(same, new)
        epoch = _epoch(old) + (1 if raised else 0)
        if "fingerprints" in new.unknown:
            return new.with_(plan=None, epoch=epoch, drift=[])
        if same and known:
            _refuse_another_name(same, new)
        aside = [IF_ANEW] if same and not known else []
        planned = new.with_(plan=_plan(same, new, found, aside), epoch=epoch, drift=[])
        return old if old and _nothing_changes(old, planned) else planned

    def on_create(self, new: StateProps) -> tuple[str, StateProps]:
        """Keep what is expected; the command that follows makes it so."""
        return new.instance or "server", new

    def on_read(self, id_: str, old: StateProps) -> StateProps:
        """Observe the server; that it cannot be reached is a finding, another host key is not."""
        del id_
        expected = Expectation.from_dict(old.expectation)
        return old.with_(drift=[*drift.compare(expected, _facts(old.connection, expected))])

    def on_delete(self, id_: str, old: StateProps) -> None:
        """Stop the service and remove its files, unless the container is gone or stopped.

        This is the first step of a destroy, so what would stop a later one is said here, while nothing is removed.
        """
        del id_
        if not old.connection or not old.expectation or not _runs(old):
            return
        try:
            _ask(old.connection, "retire", Expectation.from_dict(old.expectation), RETIRE_SECONDS)
        except SshError as error:
            if _runs(old):
                raise SshError(_stuck(old, error)) from None


def _of_this_server(old: StateProps | None, new: StateProps) -> StateProps | None:
    """Return the old state unless it is another container's; one that is not known yet counts as the same."""
    same = old is not None and ("instance" in new.unknown or old.instance in ("", new.instance))
    return old if same else None


def _epoch(old: StateProps | None) -> int:
    """Return the last epoch; the first is the time in microseconds.

    A state that is made anew (`--replace`, a taint, one that was lost) is not told of the former's: by this, its bundle
    differs from all of the former's, so the command runs and brings back what the former's end has retired.
    """
    return old.epoch or 0 if old else time.time_ns() // 1000


def _differs(old: StateProps, new: StateProps) -> bool:
    """Whether another version is wanted than last, as far as it is known.

    A failed run may have left its bundle on the server. A higher epoch makes this bundle differ from every earlier
    one, so the command runs even when the wish returns to the version before.
    """
    if new.unknown & {"fingerprints", "expectation"}:
        return False
    if not old.fingerprints or old.expectation != new.expectation:
        return True
    if old.fingerprints == new.fingerprints:  # as in most runs, told without a look at each peer
        return False
    return plan.concerns_server(*(Fingerprints.from_dict(each.fingerprints) for each in (old, new)))


def _plan(old: StateProps | None, new: StateProps, found: list[str], aside: list[str]) -> dict[str, Any]:
    """Return kind and summary of the change from the old version of this server, and what is said besides."""
    before = Fingerprints.from_dict(old.fingerprints) if old and old.fingerprints else None
    step = plan.classify(before, Fingerprints.from_dict(new.fingerprints), found)
    return {"kind": step.kind, "summary": [*step.summary, *aside]}


def _nothing_changes(old: StateProps, planned: StateProps) -> bool:
    """Whether nothing but the plan differs; then the plan of the last change stays."""
    return bool(old.plan) and old == planned.with_(plan=old.plan)


def _refuse_another_name(old: StateProps, new: StateProps) -> None:
    """Raise ConfigError for an interface that changes its name: the server's scripts know the new one alone."""
    before, after = (str(each.expectation.get("interface", "")) for each in (old, new))
    if before and after and (problems := [*plan.renamed(before, after)]):
        raise ConfigError(problems)


def _facts(connection: Connection | None, expected: Expectation) -> dict[str, Any]:
    if connection is None:
        return {"unreachable": "no way to it is known yet"}
    try:
        found: dict[str, Any] = json.loads(_ask(connection, "observe", expected, OBSERVE_SECONDS))
    except HostKeyChanged:
        raise
    except SshError as error:
        return {"unreachable": str(error)}
    except ValueError:
        return {"unreachable": "what it said about itself cannot be read"}
    return found


def _ask(connection: Connection, script: str, expected: Expectation, seconds: float) -> str:
    stdin = bundle.pack_tool(script, expected).encode()
    with Session(connection.way()) as session:
        return session.must_run(bundle.bootstrap(script), stdin, seconds)


def _runs(old: StateProps) -> bool:
    """Whether our container runs, as far as it is named; a stranger's under its VMID has nothing of ours.

    Raises OwnershipError for ours without its mark, StackError for ours on another node or held against its removal.
    """
    if old.node is None or old.container_id is None:
        return True
    with connections.proxmox() as api:
        found = holder(api, old.container_id)
        if found is None or not (found.bears(old.mark) or found.is_instance(old.instance)):
            return False
        if old.mark and not found.bears(old.mark):
            raise OwnershipError(f"VMID {old.container_id} {UNMARKED.format(found=found, mark=old.mark)}")
        if found.guest.node != old.node:
            raise StackError(f"this stack's container is not on node {old.node}: it is {found}. Migrate it back first")
        refuse_held(found)
        return api.status(old.node, old.container_id).get("status") == "running"


def _stuck(old: StateProps, error: SshError) -> str:
    where = f"CT {old.container_id}" if old.container_id else "the container"
    return f"{where} runs, but its service cannot be retired: {error}. Stop the container to go on without"


class ServerState(Resource, module="vpn", name="ServerState"):
    """What the server is expected to be, what the next change does, and how often it was changed or repaired."""

    plan: pulumi.Output[dict[str, Any]]
    epoch: pulumi.Output[int]
    drift: pulumi.Output[list[str]]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        given = StateProps.inputs({"plan": None, "epoch": None, "drift": [], **props})
        super().__init__(ServerStateProvider(), name, given, opts)
