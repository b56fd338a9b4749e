"""`python -m policy STATE.json`: judge an exported state, without an engine and without a network.

    pulumi stack export | python -m policy -

Exit status: 0 when nothing mandatory is broken, 1 when something is, 2 when the state cannot be read.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policy.resources import Resource
from policy.rule import Limits, ResourceRule, StackRule, is_production
from policy.rules import RULES
from policy.state import resources


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


def judge(
    found: Sequence[Resource], limits: Limits, rules: Iterable[ResourceRule | StackRule] = RULES
) -> Iterator[Violation]:
    """Yield the violations of all rules over the resources of one stack."""
    stack = next((each.stack for each in found if each.stack), "")
    for rule in rules:
        mandatory = rule.level == "mandatory" or (rule.level == "production" and is_production(stack))
        for where, message in _broken(rule, found, limits):
            yield Violation(rule.name, mandatory, where or f"stack {stack}", message)


def _broken(rule: ResourceRule | StackRule, found: Sequence[Resource], limits: Limits) -> Iterator[tuple[str, str]]:
    if isinstance(rule, StackRule):
        yield from (("", message) for message in rule.check(found, limits))
        return
    for each in found:
        if each.type == rule.type:
            yield from ((each.name, message) for message in rule.check(each, limits))


def main(arguments: Sequence[str]) -> int:
    """Print the violations of the state in a file, or on standard input (`-`)."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m policy STATE.json   (or - for standard input)\n")
        return 2
    try:
        text = sys.stdin.read() if arguments[0] == "-" else Path(arguments[0]).read_text()
        found = [*resources(json.loads(text))]
    except (OSError, ValueError) as error:
        sys.stderr.write(f"policy: {error}\n")
        return 2
    broken = [*judge(found, Limits(dt.datetime.now(dt.UTC)))]
    lines = [*map(str, broken), f"{len(RULES)} rules, {len(found)} resources, {len(broken)} violations"]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(each.mandatory for each in broken))
