"""Every endpoint accepts exactly the parameters the real one does, of the same type and within the same bounds."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.api.routing import Endpoint
from lab.api.schema import Param
from lab.pbs.endpoints import ROUTER as PBS
from lab.pve.endpoints import ROUTER as PVE
from tests.lab_api.stand_ins import schema


def key(endpoint: Endpoint[Any]) -> str:
    return f"{endpoint.method} {endpoint.path}"


def differences(declared: dict[str, Param], real: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name in sorted(set(declared) ^ set(real)):
        yield f"{name}: {'not in the real API' if name in declared else 'missing here'}"
    for name in sorted(set(declared) & set(real)):
        yield from (f"{name}: {problem}" for problem in mismatches(declared[name], real[name]))


def number(value: str | float | None) -> float | None:
    return None if value is None else float(value)


def mismatches(param: Param, real: dict[str, Any]) -> Iterator[str]:
    bounds = {
        "type": (param.kind, real.get("type", "string")),
        "optional": (param.optional, bool(real.get("optional"))),
        "enum": (set(param.enum), set(map(str, real.get("enum") or []))),
        "minimum": (param.minimum, number(real.get("minimum"))),
        "maximum": (param.maximum, number(real.get("maximum"))),
        "minLength": (param.min_length, real.get("minLength")),
        "maxLength": (param.max_length, real.get("maxLength")),
        "requires": (param.requires, real.get("requires")),
    }
    for what, (here, there) in bounds.items():
        if here != there and not (what == "enum" and param.enum and not there):
            yield f"{what} is {here!r}, really {there!r}"
    if real.get("pattern") and not (param.pattern or param.check):
        yield f"pattern {real['pattern']} is not checked"
    if real.get("format") and not (param.pattern or param.check or param.enum or param.kind != "string"):
        yield f"format {real['format']} is not checked"


LOOSE = {"groups", "privs", "email", "mailto", "statusfilter", "pool", "dow", "keys", "delete"}
"""Formats of parameters that nothing here acts on."""


@pytest.mark.parametrize("endpoint", PVE.endpoints, ids=key)
def test_proxmox_ve_endpoint_has_the_real_parameters(endpoint: Endpoint[Any]) -> None:
    real = schema("pve-apidata.json")
    assert key(endpoint) in real
    found = list(differences(dict(endpoint.params), real[key(endpoint)]))
    assert [d for d in found if d.partition(":")[0] not in LOOSE or "format" not in d] == []


@pytest.mark.parametrize("endpoint", PBS.endpoints, ids=key)
def test_backup_server_endpoint_has_the_real_parameters(endpoint: Endpoint[Any]) -> None:
    real = schema("pbs-apidata.json")
    assert key(endpoint) in real
    assert list(differences(dict(endpoint.params), real[key(endpoint)])) == []
