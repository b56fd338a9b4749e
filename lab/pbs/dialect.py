"""How Proxmox Backup Server words what is wrong: bare text, mostly under status 400."""

from collections.abc import Mapping

from lab.api.errors import ApiError
from lab.api.schema import Dialect

PBS = Dialect(
    missing="parameter is missing and it is not optional.",
    unknown="schema does not allow additional properties.",
    requires="parameter is missing and it is not optional.",
    not_integer="unable to parse integer - '{}'",
    not_number="unable to parse number - '{}'",
    not_boolean="unable to parse boolean option - '{}'",
    below="value must have a minimum value of {}",
    above="value must have a maximum value of {}",
    short="value must be at least {} characters long",
    long="value may only be {} characters long",
    pattern="value does not match the regex pattern",
    enum="value '{}' is not defined in the enumeration.",
    form="{}",
    repeated="duplicate parameter.",
)


def refused(message: str) -> ApiError:
    """Return 400 with a message, what most errors of a handler become."""
    return ApiError(400, message)


def bad_parameters(errors: Mapping[str, str]) -> ApiError:
    """Return 400 that names every wrong parameter."""
    if len(errors) == 1:
        name, message = next(iter(errors.items()))
        return refused(f"parameter verification failed - '{name}': {message}")
    lines = "".join(f"\n- '{name}': {message}" for name, message in sorted(errors.items()))
    return refused(f"parameter verification failed:{lines}")
