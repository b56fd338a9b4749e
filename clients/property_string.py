"""Property strings: `bridge=vmbr0,name=eth0`, Proxmox VE's way to put several values into one option."""

from collections.abc import Mapping


def parse(text: str) -> dict[str, str]:
    """Return the values by key; one without a key, as the volume of a disk, under the empty key."""
    parts = (part.partition("=") for part in text.split(",") if part)
    return {key if equals else "": value if equals else key for key, equals, value in parts}


def render(values: Mapping[str, str]) -> str:
    """Return the values as one text, the one without a key first."""
    bare = [values[""]] if "" in values else []
    return ",".join([*bare, *(f"{key}={value}" for key, value in values.items() if key)])
