"""Compare the plugins built here with the published Python SDKs: every resource, every input, every type.

Run with the virtual environment's Python, with the toolchain's `pulumi` on PATH:

    .venv/bin/python tools/toolchain/compare_sdk.py

Prints one line per difference and exits 1 when there is one. For `command` only the resource the program uses is
compared, since the plugin has no other.
"""

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names

HERE = Path(__file__).resolve().parent
PACKAGES = {"proxmoxve": ("pulumi_proxmoxve", "8.6.0"), "command": ("pulumi_command", "1.2.1")}
ONLY = {"command": {"command:remote:Command"}}
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}
Shape = Any
"""A type without its name: a scalar's name, ("array", shape), ("map", shape) or a dict of an object's properties."""


def main() -> int:
    """Compare both packages and return the exit status."""
    found = [difference for package in PACKAGES for difference in differences(package)]
    for difference in found:
        print(difference)
    print(f"{len(found)} differences", file=sys.stderr)
    return bool(found)


def differences(package: str) -> Iterator[str]:
    """Yield each difference between a plugin's schema and the SDK."""
    schema = plugin_schema(package)
    classes = sdk_resources(PACKAGES[package][0])
    wanted = ONLY.get(package, set(classes))
    yield from (f"{token}: the plugin lacks it" for token in sorted(wanted - set(schema["resources"])))
    for token in sorted(wanted & set(schema["resources"])):
        resource = schema["resources"][token]
        theirs = arguments_shape(classes[token])
        ours = object_shape(schema, resource["inputProperties"], resource.get("requiredInputs", ()))
        yield from compare(token, theirs, ours)
    provider = importlib.import_module(PACKAGES[package][0]).Provider
    config = object_shape(schema, schema["provider"].get("inputProperties", {}), ())
    yield from compare(f"{package} provider", arguments_shape(provider), config)


def plugin_schema(package: str) -> dict[str, Any]:
    """Ask the installed plugin for its schema."""
    home = Path(os.environ.get("PULUMI_HOME") or HERE.parents[1] / ".lab" / "pulumi-home")
    binary = home / "plugins" / f"resource-{package}-v{PACKAGES[package][1]}" / f"pulumi-resource-{package}"
    shown = subprocess.run(["pulumi", "package", "get-schema", binary], capture_output=True, text=True, check=True)
    schema: dict[str, Any] = json.loads(shown.stdout)
    return schema


def sdk_resources(package: str) -> dict[str, type]:
    """Return every resource class of an SDK by token."""
    root = importlib.import_module(package)
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(root.__path__, f"{package}.")]
    classes = {
        c for m in modules for c in vars(m).values() if inspect.isclass(c) and issubclass(c, pulumi.CustomResource)
    }
    tokens = {getattr(c, "pulumi_type", ""): c for c in classes if c.__module__.startswith(package)}
    return {token: c for token, c in tokens.items() if token and not token.startswith("pulumi:")}


def arguments_shape(resource: type) -> Shape:
    """Return the shape of a resource's arguments."""
    module = sys.modules[resource.__module__]
    return class_shape(getattr(module, f"{resource.__name__}Args"))


def class_shape(arguments: type) -> Shape:
    """Return the shape of an input class: property name to type, required ones marked."""
    names = dict(input_type_py_to_pulumi_names(arguments))
    known = {"Output": pulumi.Output, "T": Any} | vars(sys.modules[arguments.__module__])
    # Distinct namespaces make typing evaluate names anew: modules share cached references to equal class names.
    hints = typing.get_type_hints(vars(arguments)["__init__"], known, {})
    parameters = list(inspect.signature(arguments).parameters.values())
    return {names[p.name]: (p.default is p.empty, annotation_shape(hints[p.name])) for p in parameters}


def annotation_shape(annotation: Any) -> Shape:
    """Return the shape of an annotation, without Input and Optional around it."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Union:
        plain = [p for p in parts if p is not type(None) and not is_output(p)]
        return annotation_shape(plain[0])
    if origin is Sequence:
        return ("array", annotation_shape(parts[0]))
    if origin is Mapping:
        return ("map", annotation_shape(parts[1]))
    if annotation in SCALARS or annotation is Any:
        return SCALARS.get(annotation, "any")
    return "string" if issubclass(annotation, str) else class_shape(annotation)


def is_output(annotation: Any) -> bool:
    """Say whether an annotation is the part of Input that stands for a value to come."""
    name = getattr(typing.get_origin(annotation), "__name__", "")
    return name in {"Output", "Awaitable"}


def object_shape(schema: dict[str, Any], properties: dict[str, Any], required: Sequence[str]) -> Shape:
    """Return the shape of an object of a plugin's schema."""
    return {name: (name in required, schema_shape(schema, value)) for name, value in properties.items()}


def schema_shape(schema: dict[str, Any], value: dict[str, Any]) -> Shape:
    """Return the shape of a type of a plugin's schema."""
    reference = value.get("$ref", "")
    if reference.startswith("pulumi.json#/Any"):
        return "any"
    if reference:
        target = schema["types"][reference.removeprefix("#/types/").replace("%2F", "/")]
        if "enum" in target:
            return target["type"]
        return object_shape(schema, target.get("properties", {}), target.get("required", ()))
    if value["type"] == "array":
        return ("array", schema_shape(schema, value["items"]))
    if value["type"] == "object":
        return ("map", schema_shape(schema, value.get("additionalProperties", {"type": "string"})))
    return value["type"]


def compare(path: str, theirs: Shape, ours: Shape) -> Iterator[str]:
    """Yield the differences of two shapes below a path."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from (f"{path}.{name}: the plugin lacks it" for name in sorted(set(theirs) - set(ours)))
        yield from (f"{path}.{name}: the SDK lacks it" for name in sorted(set(ours) - set(theirs)))
        for name in sorted(set(theirs) & set(ours)):
            if theirs[name][0] != ours[name][0]:
                yield f"{path}.{name}: required is {theirs[name][0]} in the SDK, {ours[name][0]} in the plugin"
            yield from compare(f"{path}.{name}", theirs[name][1], ours[name][1])
    elif isinstance(theirs, tuple) and isinstance(ours, tuple) and theirs[0] == ours[0]:
        yield from compare(f"{path}[]", theirs[1], ours[1])
    elif theirs != ours:
        yield f"{path}: {theirs} in the SDK, {ours} in the plugin"


if __name__ == "__main__":
    sys.exit(main())
