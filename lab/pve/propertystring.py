"""Property strings: `bridge=vmbr0,name=eth0`, Proxmox's way to put several values into one option."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.api.errors import ParameterError
from lab.api.schema import Param, validate
from lab.pve.dialect import PVE


@dataclass(frozen=True)
class PropertyFormat:
    """Which keys a property string may hold; a value without a key belongs to `default_key`."""

    keys: Mapping[str, Param]
    default_key: str = ""

    def parse(self, text: str) -> dict[str, str]:
        """Keys and values of `text`, as written; raises ValueError with Proxmox's words."""
        values: dict[str, str] = {}
        for part in [p for p in text.split(",") if p]:
            key, equals, value = part.partition("=")
            if not equals:
                if not self.default_key:
                    raise ValueError(f"missing key in comma-separated list property: {part}")
                key, value = self.default_key, part
            if key in values:
                raise ValueError(f"duplicate key in comma-separated list property: {key}")
            values[key] = value
        try:
            validate(self.keys, values, PVE)
        except ParameterError as error:
            lines = "".join(f"{key}: {message}\n" for key, message in sorted(error.errors.items()))
            raise ValueError("format error\n" + lines) from None
        return values

    def render(self, values: Mapping[str, str]) -> str:
        """Return the canonical property string: default key bare and first, then mandatory keys, then the rest."""

        def rank(key: str) -> tuple[bool, bool, str]:
            return (key != self.default_key, self.keys[key].optional, key)

        return ",".join(
            values[key] if key == self.default_key else f"{key}={values[key]}" for key in sorted(values, key=rank)
        )
