"""Every exception of the program, one tree.

    VpnError
    ├── ConfigError            the configuration breaks rules; carries all problems at once
    ├── ParseError             a text (wg0.conf, key, peers file) is not what it claims to be
    ├── RenderError            a file cannot be rendered from what is known
    ├── AllocationError        the VPN subnet has no address left to give
    ├── StackError             the stack has not made, or does not hold, what a command needs
    │   └── Unfinished         a command did a part, and says which
    ├── OwnershipError         an object exists that is not ours to touch
    ├── SshError               the way to the server failed
    │   ├── HostKeyChanged     the server shows another key than the pinned one
    │   ├── Unreadable         the server's answer is not what was asked for
    │   └── RemoteFailed       a command on the server ended with an error
    └── ClientError            a system's API refused or failed; names the system
        ├── Unreachable        no connection, or it broke
        ├── TlsFailure         the certificate is not the expected one
        ├── Unauthorized       the credentials are not accepted (401)
        ├── Forbidden          the credentials may not do this (403)
        ├── NotFound           the object does not exist (404)
        ├── Conflict           the object exists already or is in use (409)
        ├── Rejected           the request itself is refused (400, 422)
        ├── Throttled          too many requests (429)
        ├── ServerFault        the system failed (5xx)
        └── BadAnswer          the answer is not what the API promises

Messages are made of names, rules and redacted text: no exception carries a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class VpnError(Exception):
    """Root of all errors the program raises on purpose."""


@dataclass(frozen=True, order=True)
class Problem:
    """One broken rule: the config key path, the offending value (None for secrets and containers), the rule.

    `where` names file and line when the value comes from a file, as in `peers.yaml:17`.
    """

    key: str
    value: str | None
    rule: str
    where: str = ""

    def __str__(self) -> str:
        """Return one line: `peers.yaml:17: peers[3].public_key: 'abc': must be …`."""
        parts = [self.where] if self.where else []
        parts.append(self.key)
        if self.value is not None:
            parts.append(self.value)
        return ": ".join([*parts, self.rule])


class ConfigError(VpnError):
    """The configuration breaks rules. `problems` lists all of them, in the order of the configuration."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems and say them all, one a line."""
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"the configuration has {head}:", *(f"  - {each}" for each in self.problems)]))


class ParseError(VpnError):
    """A text is not what it claims to be. `line` counts from 1; 0 when no line is to blame."""

    def __init__(self, message: str, line: int = 0) -> None:
        """Say what is wrong and where, never the text itself: it may hold a secret."""
        self.line = line
        super().__init__(f"line {line}: {message}" if line else message)


class RenderError(VpnError):
    """A file cannot be rendered from what is known."""


class AllocationError(VpnError):
    """The VPN subnet has no address left to give."""


class StackError(VpnError):
    """The stack has not made, or does not hold, what is needed; or another version wrote it, or `pulumi` refused."""


class Unfinished(StackError):
    """A command did a part before the rest failed. The message says which part, and how to go on."""


class OwnershipError(VpnError):
    """An object exists that is not ours to touch: it carries no mark, or another owner's."""


class SshError(VpnError):
    """The way to the server failed: connection, authentication or jump host."""


class HostKeyChanged(SshError):
    """The server shows another host key than the pinned one."""


class Unreadable(SshError):
    """The server answered, but not what was asked for."""


class RemoteFailed(SshError):
    """A command on the server ended with an error. `status` is its exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        """Keep the exit status beside the (already redacted) message."""
        self.status = status
        super().__init__(message)


class ClientError(VpnError):
    """A system's API refused or failed. `system` is its name, as in `Proxmox VE`; `status` the HTTP status or 0."""

    def __init__(self, system: str, message: str, status: int = 0) -> None:
        """Name the system before the (already redacted) message."""
        self.system = system
        self.status = status
        super().__init__(f"{system}: {message}")


class Unreachable(ClientError):
    """No connection to the system, or it broke."""


class TlsFailure(ClientError):
    """The system's certificate is not the expected one."""


class Unauthorized(ClientError):
    """The credentials are not accepted (401)."""


class Forbidden(ClientError):
    """The credentials may not do this (403)."""


class NotFound(ClientError):
    """The object does not exist (404)."""


class Conflict(ClientError):
    """The object exists already or is in use (409)."""


class Rejected(ClientError):
    """The request itself is refused (400, 422)."""


class Throttled(ClientError):
    """Too many requests (429)."""


class ServerFault(ClientError):
    """The system failed (5xx)."""


class BadAnswer(ClientError):
    """The answer is not what the API promises."""


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return names in one line; of a list longer than `most` the number left out."""
    more = len(names) - most
    shown = ", ".join(names[:most])
    return f"{shown} and {more} more" if more > 0 else shown
