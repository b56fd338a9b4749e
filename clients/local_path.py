"""Files of this machine, as the configuration names them."""

from pathlib import Path


def expanded(name: str) -> Path:
    """Return the path with `~` as the home it stands for; as it is, a file that is missing, where there is none."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)
