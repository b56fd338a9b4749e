"""What a person reads for each broken rule: key, value and rule, as one line, shown in a golden file."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.pure.support import BASE
from tests.pure.test_validation import ACROSS, PEERS, SINGLE
from vpn.errors import ConfigError
from vpn.settings import parse

Golden = Callable[[str, str], None]


def cases() -> Iterator[dict[str, Any]]:
    """Yield every configuration that breaks a rule: of one value, across values, of peers."""
    yield from ({key: bad} for key, _, bads, _ in SINGLE for bad in bads)
    yield from (changes for changes, key, _ in ACROSS if key)
    yield from ({"peers": people, "groups": {"sales": {}}} for people, key, _ in PEERS if key)


def told(changes: dict[str, Any]) -> list[str]:
    """Return the problems of a configuration, a line each."""
    raw = {key: value for key, value in {**BASE, **changes}.items() if value is not ...}
    try:
        parse(raw)
    except ConfigError as error:
        return [str(each) for each in error.problems]
    raise AssertionError(changes)


def test_problems_are_told_as_shown(golden: Golden) -> None:
    golden("problems.txt", "".join(f"{line}\n" for changes in cases() for line in told(changes)))
