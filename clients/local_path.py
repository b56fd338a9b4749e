"""Files of this machine, as the configuration names them."""

from pathlib import Path

from vpn.errors import ConfigError, Problem


def expanded(name: str) -> Path:
    """Return the path with `~` as the home it stands for; as it is, a file that is missing, where there is none."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def text(key: str, path: Path, named: Path | None = None) -> str:
    """Return the text of the file that a config key names. Raise ConfigError, telling `named` or else the path."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
        raise ConfigError([Problem(key, str(named or path), f"cannot be read: {reason}")]) from None
