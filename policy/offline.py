"""`python -m policy STATE.json`: judge an exported state, without an engine and without a network.

    pulumi stack export | python -m policy - [--config limits.json]

The limits stand in the file that Pulumi takes, too (`--policy-pack-config`): settings by rule. Exit status: 0 when
nothing mandatory is broken, 1 when something is, 2 when state or limits cannot be read.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policy.resources import Resource
from policy.rule import Limits, ResourceRule, StackRule, is_production
from policy.rules import RULES
from policy.state import resources

LIMITS: Final = {"max_key_age_days": int, "dmz_networks": list}


@dataclass(frozen=True)
class Violation:
    """One broken rule: `where` names the resource, or the stack."""

    rule: str
    mandatory: bool
    where: str
    message: str

    def __str__(self) -> str:
        """Return one line."""
        return f"{'mandatory' if self.mandatory else 'advisory '}  {self.rule}  {self.where}: {self.message}"


def judge(found: Sequence[Resource], config: Mapping[str, Mapping[str, Any]], now: dt.datetime) -> Iterator[Violation]:
    """Yield the violations of all rules over the resources of one stack; `config` holds limits by rule."""
    stack = next((each.stack for each in found if each.stack), "")
    for rule in RULES:
        mandatory = rule.level == "mandatory" or (rule.level == "production" and is_production(stack))
        for where, message in _broken(rule, found, Limits.of(config.get(rule.name, {}), now)):
            yield Violation(rule.name, mandatory, where or f"stack {stack}", message)


def _broken(rule: ResourceRule | StackRule, found: Sequence[Resource], limits: Limits) -> Iterator[tuple[str, str]]:
    if isinstance(rule, StackRule):
        yield from (("", message) for message in rule.check(found, limits))
        return
    for each in found:
        if each.type == rule.type and not each.leaving:
            yield from ((each.name, message) for message in rule.check(each, limits))


def _config(text: str) -> dict[str, dict[str, Any]]:
    """Return the limits by rule. Raise ValueError for what has no meaning here: it would be passed over in silence."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("the limits must be a JSON object of rules")
    for name, limits in found.items():
        if name not in {rule.name for rule in RULES}:
            raise ValueError(f"{name} is no rule")
        if not isinstance(limits, dict) or not all(isinstance(limits[key], LIMITS.get(key, ())) for key in limits):
            raise ValueError(f"{name}: takes max_key_age_days, a number, and dmz_networks, a list; levels are Pulumi's")
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the violations of the state in a file, or on standard input (`-`)."""
    parser = argparse.ArgumentParser(prog="python -m policy", description="judge an exported state")
    parser.add_argument("state", metavar="STATE.json", help="what pulumi stack export prints; - is standard input")
    parser.add_argument("--config", type=Path, metavar="FILE", help="limits by rule, as for --policy-pack-config")
    try:
        given = parser.parse_args(arguments)
        text = sys.stdin.read() if given.state == "-" else Path(given.state).read_text(encoding="utf-8")
        found = [*resources(json.loads(text))]
        config = _config(given.config.read_text(encoding="utf-8")) if given.config else {}
        broken = [*judge(found, config, dt.datetime.now(dt.UTC))]
    except (OSError, ValueError) as error:
        sys.stderr.write(f"policy: {error}\n")
        return 2
    lines = [*map(str, broken), f"{len(RULES)} rules, {len(found)} resources, {len(broken)} violations"]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(each.mandatory for each in broken))
