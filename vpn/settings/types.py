"""The types of configuration values: each turns what Pulumi hands over into one Python value, or says the rule.

Pulumi hands over strings, numbers, booleans, lists and mappings; scalars may come as strings ("2090", "true") and
whole numbers as floats (2090.0). A function here raises ValueError with the rule as its text.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, PlainValidator, SecretStr

from vpn import keys
from vpn.errors import ParseError
from vpn.settings import ip
from vpn.settings.ip import IPAddress, IPNetwork

Value = TypeVar("Value")


_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2261


class _Invalid:
    """Stands for a value already reported as broken, so that the rest can still be checked."""


INVALID: Final = _Invalid()


def checked(parse: Callable[[Any], Value]) -> PlainValidator:
    """Make a field validator of a parsing function. A value already reported as broken becomes None."""
    return PlainValidator(lambda value: None if value is INVALID else parse(value))


def integer(low: int, high: int, why: str) -> PlainValidator:
    """Whole number between `low` and `high`; `why` names the source of the rule."""

    def parse(value: object) -> int:
        number = _whole(value)
        if number is None or not low <= number <= high:
            message = f"must be a whole number from {low} to {high} ({why})"
            raise ValueError(message)
        return number

    return checked(parse)


def choice(*options: str) -> PlainValidator:
    """One of the given words."""

    def parse(value: object) -> str:
        if value not in options:
            message = f"must be one of: {', '.join(options)}"
            raise ValueError(message)
        return str(value)

    return checked(parse)


def matching(pattern: str, rule: str) -> PlainValidator:
    """Text that matches the whole of a regular expression; `rule` says it in words."""
    compiled = re.compile(pattern)

    def parse(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(rule)
        return value

    return checked(parse)


def as_list(value: Any) -> Any:
    """Accept a list, its JSON text (as `pulumi config set` stores it), or nothing."""
    return _decoded(value, "[") if value is not INVALID and value is not None else []


def not_empty(why: str) -> BeforeValidator:
    """Take what `as_list` takes, but no empty list of networks; `why` says what would be lost."""

    def parse(value: Any) -> Any:
        found = as_list(value)
        if found == [] and value is not INVALID:
            message = f"must name at least one network: {why}"
            raise ValueError(message)
        return found

    return BeforeValidator(parse)


def as_mapping(value: Any) -> Any:
    """Accept a mapping, its JSON text, or nothing."""
    return _decoded(value, "{") if value is not INVALID and value is not None else {}


def boolean(value: object) -> bool:
    """Accept true and false, also as words."""
    known = {True: True, False: False, "true": True, "false": False}
    if isinstance(value, bool | str) and value in known:
        return known[value]
    message = "must be true or false"
    raise ValueError(message)


def only_true(value: object) -> bool:
    """Accept true alone (data model 1: unprivileged and nesting are fixed)."""
    if value in (True, "true"):
        return True
    message = "must be true (data model 1: validation rules of the container)"
    raise ValueError(message)


def key(value: object) -> str:
    """WireGuard key in canonical base64."""
    try:
        return keys.check_key(_text(value))
    except (ParseError, ValueError):
        raise ValueError(keys.KEY_RULE) from None


def secret_key(value: object) -> SecretStr:
    """WireGuard key that stays a secret."""
    return SecretStr(key(_revealed(value)))


def login_key(value: object) -> SecretStr:
    """SSH private key in OpenSSH's form that stays a secret."""
    from vpn.login_key import RULE, public_key  # noqa: PLC0415 - takes 30 ms, and hardly any configuration has one

    try:
        text = _text(_revealed(value))
        public_key(text)
    except (ParseError, ValueError):
        raise ValueError(RULE) from None
    return SecretStr(text)


def secret_text(value: object) -> SecretStr:
    """Any text that stays a secret, not empty."""
    text = _revealed(value)
    if not isinstance(text, str) or not text.strip():
        message = "must be a text that is not empty"
        raise ValueError(message)
    return SecretStr(text)


def moment(value: object) -> dt.datetime:
    """Point in time with offset (RFC 3339), as 2027-01-31T18:00:00Z. YAML hands over datetimes.

    What is later than nftables counts would be over at once there: the nanoseconds since 1970 fill 63 bits in 2262.
    """
    try:
        found = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(_text(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = "must be a date and time with offset (RFC 3339), as 2027-01-31T18:00:00Z"
        raise ValueError(message)
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        message = f"must be in the years {_FIRST_YEAR} to {_LAST_YEAR}: nftables counts no further"
        raise ValueError(message)
    return found.astimezone(dt.UTC).replace(microsecond=0)


def _revealed(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _decoded(value: Any, opening: str) -> Any:
    if isinstance(value, str) and value.lstrip().startswith(opening):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


Bool = Annotated[bool, checked(boolean)]
OnlyTrue = Annotated[bool, checked(only_true)]
Network = Annotated[IPNetwork, checked(ip.network)]
Address = Annotated[IPAddress, checked(ip.address)]
Address4 = Annotated[IPv4Address, checked(ip.address4)]
Interface4 = Annotated[IPv4Interface, checked(ip.interface4)]
Interface6 = Annotated[IPv6Interface, checked(ip.interface6)]
PublicKey = Annotated[str, checked(key)]
SecretKey = Annotated[SecretStr, checked(secret_key)]
SecretText = Annotated[SecretStr, checked(secret_text)]
Moment = Annotated[dt.datetime, checked(moment)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(as_list)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(as_list)]
