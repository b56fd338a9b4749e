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
        raise _unreadable(key, named or path, error) from None


def must_be_readable(key: str, path: Path) -> None:
    """Raise ConfigError when the file that a config key names cannot be read."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise _unreadable(key, path, error) from None


def _unreadable(key: str, path: Path, error: OSError | UnicodeDecodeError) -> ConfigError:
    reason = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
    return ConfigError([Problem(key, str(path), f"cannot be read: {reason}")])
