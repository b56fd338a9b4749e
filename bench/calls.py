"""How many requests a preview and a refresh make of each system: the providers' own calls, counted in this process."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.figures import Figures
from bench.stack import Stack
from clients.http import Answer, Http
from providers import container_claim, container_proof, credentials, firewall_rules, netbox, pbs, server_state, zabbix
from providers.base import Provider

PROVIDERS: dict[str, Callable[[], Provider[Any]]] = {
    "pbs:Reservation": pbs.ReservationProvider,
    "zabbix:Reservation": zabbix.ReservationProvider,
    "netbox:Reservation": netbox.ReservationProvider,
    "vpn:ContainerClaim": container_claim.ContainerClaimProvider,
    "vpn:ContainerProof": container_proof.ContainerProofProvider,
    "vpn:FirewallRules": firewall_rules.FirewallRulesProvider,
    "vpn:ServerState": server_state.ServerStateProvider,
    "netbox:Registration": netbox.RegistrationProvider,
    "zabbix:Registration": zabbix.RegistrationProvider,
    "pbs:Registration": pbs.RegistrationProvider,
}


def run(figures: Figures, root: Path) -> None:
    """Check, diff and read every resource of ours in the stack as it is."""
    credentials.remember(lambda _: None)
    resources = [*_ours(Stack(root))]
    for what, act in (("preview: check", _check), ("preview: diff", _diff), ("refresh: read", _read)):
        with counted() as calls:
            for provider, resource in resources:
                act(provider, resource)
        note = ", ".join(f"{system} {number}" for system, number in sorted(calls.items()))
        figures.add("calls", f"requests of a no-op {what}", sum(calls.values()), "", note)


def _ours(stack: Stack) -> Iterator[tuple[Provider[Any], dict[str, Any]]]:
    for resource in stack.state("--show-secrets")["deployment"]["resources"]:
        make = PROVIDERS.get(resource["type"].rpartition("/")[2])
        if make:
            yield make(), {**resource, **{k: plain(resource.get(k, {})) for k in ("inputs", "outputs")}}


def _check(provider: Provider[Any], resource: dict[str, Any]) -> None:
    provider.check(resource["inputs"], resource["inputs"])


def _diff(provider: Provider[Any], resource: dict[str, Any]) -> None:
    provider.diff(resource["id"], resource["outputs"], resource["inputs"])


def _read(provider: Provider[Any], resource: dict[str, Any]) -> None:
    provider.read(resource["id"], resource["outputs"])


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Yield the number of requests by system that the block sends."""
    calls, ask = Counter[str](), Http.request

    def asking(self: Http, *args: Any, **options: Any) -> Answer:
        calls[self.system] += 1
        return ask(self, *args, **options)

    with patch.object(Http, "request", asking):
        yield calls


def plain(value: Any) -> Any:
    """Return a value of a state exported with its secrets shown as it is."""
    if isinstance(value, dict):
        return json.loads(value["plaintext"]) if "plaintext" in value else {k: plain(v) for k, v in value.items()}
    return [*map(plain, value)] if isinstance(value, list) else value
