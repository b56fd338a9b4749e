"""Parameters of an endpoint: what each accepts, and validation with the wording of the server's dialect."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lab.api.errors import ParameterError

Kind = Literal["string", "integer", "number", "boolean", "array"]
INDEXED = re.compile(r"^([a-z]+)\[n\]$")
TRUE, FALSE = {"1", "on", "yes", "true"}, {"0", "off", "no", "false"}


@dataclass(frozen=True)
class Param:
    """One parameter. `check` raises ValueError with the server's words when the format is wrong."""

    kind: Kind = "string"
    optional: bool = True
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    requires: str | None = None
    check: Callable[[str], object] | None = None
    count: int = 1

    def required(self) -> "Param":
        """Return the same parameter, mandatory."""
        return replace(self, optional=False)


@dataclass(frozen=True)
class Dialect:
    """How a server words its complaints (Proxmox VE and Proxmox Backup Server differ)."""

    missing: str
    unknown: str
    requires: str
    not_integer: str
    not_number: str
    not_boolean: str
    below: str
    above: str
    short: str
    long: str
    pattern: str
    enum: str
    form: str
    repeated: str


def text(
    *,
    enum: tuple[str, ...] = (),
    pattern: str | None = None,
    check: Callable[[str], object] | None = None,
    size: tuple[int | None, int | None] = (None, None),
    requires: str | None = None,
    count: int = 1,
) -> Param:
    """Return a string parameter; `size` is (minimum, maximum) length."""
    return Param(
        enum=enum, pattern=pattern, check=check, min_length=size[0], max_length=size[1], requires=requires, count=count
    )


def integer(minimum: float | None = None, maximum: float | None = None) -> Param:
    """Return an integer parameter."""
    return Param("integer", minimum=minimum, maximum=maximum)


def number(minimum: float | None = None, maximum: float | None = None) -> Param:
    """Return a number parameter."""
    return Param("number", minimum=minimum, maximum=maximum)


def boolean(requires: str | None = None) -> Param:
    """Return a boolean parameter, 0 or 1 in the validated result."""
    return Param("boolean", requires=requires)


def array() -> Param:
    """Return a parameter that may repeat."""
    return Param("array")


def find(params: Mapping[str, Param], name: str) -> Param | None:
    """Return the declaration of `name`, where `net3` falls under `net[n]`."""
    if name in params and not INDEXED.match(name):
        return params[name]
    match = re.fullmatch(r"([a-z]+)(0|[1-9]\d*)", name)
    indexed = params.get(f"{match[1]}[n]") if match else None
    return indexed if match and indexed and int(match[2]) < indexed.count else None


def validate(params: Mapping[str, Param], raw: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """Typed values of `raw`; raises ParameterError naming every parameter that breaks the schema."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, given in raw.items():
        param = find(params, name)
        if param is None:
            errors[name] = dialect.unknown
            continue
        try:
            values[name] = convert(param, given, dialect)
        except ValueError as error:
            errors[name] = str(error)
    errors.update(_absent(params, raw, dialect))
    if errors:
        raise ParameterError(errors)
    return values


def _absent(params: Mapping[str, Param], raw: Mapping[str, Any], dialect: Dialect) -> dict[str, str]:
    missing = {n: dialect.missing for n, p in params.items() if not p.optional and n not in raw}
    for name in raw:
        param = find(params, name)
        if param and param.requires and param.requires not in raw:
            missing[param.requires] = dialect.requires.format(name)
    return missing


def convert(param: Param, given: Any, dialect: Dialect) -> Any:
    """`given` as the parameter's type; raises ValueError with the dialect's words."""
    if param.kind == "array":
        return [str(item) for item in (given if isinstance(given, list) else [given])]
    if isinstance(given, list):
        if dialect.repeated:
            raise ValueError(dialect.repeated)
        given = ",".join(str(item) for item in given)
    value = str(int(given)) if isinstance(given, bool) else str(given)
    if param.kind == "string":
        return _string(param, value, dialect)
    if param.kind == "boolean":
        return _boolean(value, dialect)
    return _number(param, value, dialect)


def _boolean(value: str, dialect: Dialect) -> int:
    if value.lower() in TRUE:
        return 1
    if value.lower() in FALSE:
        return 0
    raise ValueError(dialect.not_boolean.format(value))


def _number(param: Param, value: str, dialect: Dialect) -> float:
    if param.kind == "integer":
        if not re.fullmatch(r"[+-]?\d+", value):
            raise ValueError(dialect.not_integer.format(value))
        result: float = int(value)
    else:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", value):
            raise ValueError(dialect.not_number.format(value))
        result = float(value)
        result = int(result) if result.is_integer() else result
    if param.minimum is not None and result < param.minimum:
        raise ValueError(dialect.below.format(param.minimum))
    if param.maximum is not None and result > param.maximum:
        raise ValueError(dialect.above.format(param.maximum))
    return result


def _string(param: Param, value: str, dialect: Dialect) -> str:
    if param.max_length is not None and len(value) > param.max_length:
        raise ValueError(dialect.long.format(param.max_length))
    if param.min_length is not None and len(value) < param.min_length:
        raise ValueError(dialect.short.format(param.min_length))
    if param.enum and value not in param.enum:
        raise ValueError(dialect.enum.format(value, ", ".join(param.enum)))
    if param.pattern and not re.fullmatch(param.pattern, value):
        raise ValueError(dialect.pattern)
    if param.check:
        try:
            param.check(value)
        except ValueError as error:
            raise ValueError(dialect.form.format(error)) from None
    return value
