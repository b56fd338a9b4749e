"""A stand-in of the `pulumi` command for tests: config and state in a JSON file, every call on record.

Run as a program, it answers as CLI 3.250 does: `config --json`, `config set-all` (pairs, or `--json`),
`config set --secret` (value from standard input), `config rm`, `stack ls`, `stack export`, `stack import`.
"""

import json
import os
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

PREFIX = "wireguard-vpn:"


def main() -> None:
    """Answer one call and note how it was made."""
    arguments, home = sys.argv[1:], Path(os.environ["FAKE_PULUMI"])
    stdin = sys.stdin.read()
    with (home / "calls").open("a") as calls:
        calls.write(json.dumps({"argv": arguments, "environ": dict(os.environ)}) + "\n")
    world = json.loads((home / "world.json").read_text())
    answer = respond(world, arguments, stdin)
    (home / "world.json").write_text(json.dumps(world))
    sys.stdout.write(answer)


def respond(world: dict[str, Any], arguments: list[str], stdin: str) -> str:
    """Return what is printed; `world` is changed in place."""
    match arguments[:2]:
        case ["config", "--json"]:
            return json.dumps({PREFIX + key: shown(each) for key, each in world["config"].items()})
        case ["config", "set-all"]:
            set_all(world["config"], arguments)
        case ["config", "set"]:
            path = next(each for each in arguments if each.startswith(PREFIX)).removeprefix(PREFIX)
            put(world["config"], path, stdin.removesuffix("\n"), secret=True)
        case ["config", "rm"]:
            remove(world["config"], next(e for e in arguments if e.startswith(PREFIX)).removeprefix(PREFIX))
        case ["stack", "ls"]:
            return json.dumps([{"name": world["stack"], "current": True}])
        case ["stack", "export"]:
            return json.dumps(world["state"])
        case ["stack", "import"]:
            world["state"] = json.loads(stdin)
        case _:
            sys.exit(f"error: unknown command {arguments[:2]}")
    return ""


def set_all(config: dict[str, Any], arguments: list[str]) -> None:
    """Set pairs of key path and value, or whole values in the form of `config --json`."""
    for flag, given in pairwise(arguments):
        if flag == "--plaintext":
            path, _, text = given.removeprefix(PREFIX).partition("=")
            put(config, path, text, secret=False)
        elif flag == "--json":
            for key, each in json.loads(given).items():
                value = json.loads(each["value"]) if "objectValue" in each else each["value"]
                config[key.removeprefix(PREFIX)] = {"value": value, "secret": each["secret"]}


def shown(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a value as `config --json --show-secrets` does."""
    value = entry["value"]
    if isinstance(value, str):
        return entry
    return {"value": json.dumps(value), "objectValue": value, "secret": entry["secret"]}


def steps(path: str) -> list[str | int]:
    """Split a key path."""
    found = re.findall(r'\["([^"]+)"\]|\[(\d+)\]|([^.\[\]"]+)', path)
    return [int(number) if number else quoted or name for quoted, number, name in found]


def put(config: dict[str, Any], path: str, text: str, *, secret: bool) -> None:
    """Set a value as `pulumi config set --path` does: lists grow by one, numbers and booleans are told apart."""
    first, *rest = steps(path)
    entry = config.setdefault(str(first), {"value": None, "secret": False})
    entry["secret"] = entry["secret"] or secret
    if not rest:
        entry["value"] = text
        return
    entry["value"] = grown(entry["value"], rest, json.loads(text) if re.fullmatch(r"-?\d+|true|false", text) else text)


def grown(holder: Any, rest: list[str | int], value: Any) -> Any:
    """Return the holder with the value at the place the steps lead to."""
    if not rest:
        return value
    head, *tail = rest
    if isinstance(head, int):
        found = list(holder or [])
        assert head <= len(found), "a list grows by one"
        found[head : head + 1] = [grown(found[head] if head < len(found) else None, tail, value)]
        return found
    return {**(holder or {}), head: grown((holder or {}).get(head), tail, value)}


def remove(config: dict[str, Any], path: str) -> None:
    """Remove a value; what follows in a list moves up."""
    first, *rest = steps(path)
    if not rest:
        config.pop(str(first), None)
        return
    holder = config[str(first)]["value"]
    for step in rest[:-1]:
        holder = holder[step]
    del holder[rest[-1]]


if __name__ == "__main__":
    main()
