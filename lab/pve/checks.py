"""What an endpoint asks of its caller before it does anything: checks of permissions, to be put together."""

from lab.api.errors import ApiError
from lab.pve.routing import Call, Permission


def on(path: str, *privileges: str, any_of: bool = False) -> Permission:
    """Permission check of an endpoint; `path` may hold placeholders."""

    def check(call: Call) -> None:
        call.cluster.permissions.require(call.who, path.format(**call.params), privileges, any_of=any_of)

    return check


def either(first: Permission, second: Permission) -> Permission:
    """Either check suffices; the second's refusal is told."""

    def check(call: Call) -> None:
        try:
            first(call)
        except ApiError:
            second(call)

    return check


def both(*checks: Permission) -> Permission:
    """All checks, in order."""

    def check(call: Call) -> None:
        for one in checks:
            one(call)

    return check


NETWORK_ACCESS = either(on("/", "Sys.Audit", "Sys.Modify"), on("/nodes/{node}", "Sys.AccessNetwork"))
"""What asking the node to fetch a URL takes."""
