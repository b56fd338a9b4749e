"""How Proxmox VE words what is wrong, and the errors its handlers raise."""

from lab.api.errors import ApiError
from lab.api.schema import Dialect

PVE = Dialect(
    missing="property is missing and it is not optional",
    unknown="property is not defined in schema and the schema does not allow additional properties",
    requires="missing property - required by '{}'",
    not_integer="type check ('integer') failed - got '{}'",
    not_number="type check ('number') failed - got '{}'",
    not_boolean="type check ('boolean') failed - got '{}'",
    below="value must have a minimum value of {}",
    above="value must have a maximum value of {}",
    short="value must be at least {} characters long",
    long="value may only be {} characters long",
    pattern="value does not match the regex pattern",
    enum="value '{}' does not have a value in the enumeration '{}'",
    form="invalid format - {}",
    repeated="",
)


def died(message: str) -> ApiError:
    """Return what becomes of any other error of the real server: 500 with the message."""
    return ApiError(500, message)


def bad_parameter(name: str, message: str) -> ApiError:
    """400 for one parameter that a handler refuses."""
    return ApiError(400, "Parameter verification failed.", {name: message})


def forbidden(what: str = "") -> ApiError:
    """403 with the path and privilege, or the reason, in parentheses."""
    return ApiError(403, f"Permission check failed ({what})" if what else "Permission check failed")


def no_guest(vmid: int, node: str) -> ApiError:
    """Return what the real server says when a container's configuration file is missing."""
    return died(f"Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist")
