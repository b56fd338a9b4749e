"""The one place that reads `templates/`: they are code of this package, loaded once."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpn.errors import RenderError

if TYPE_CHECKING:
    from jinja2 import Environment, FileSystemBytecodeCache

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def render(template: str, **values: Any) -> str:
    """Return a rendered template. Raise RenderError when the template needs a value it is not given."""
    from jinja2 import TemplateError  # noqa: PLC0415 - the plugin's process renders nothing and starts sooner without

    try:
        return _environment().get_template(template).render(values)
    except TemplateError as error:
        raise RenderError(f"{template}: {type(error).__name__}: {error.message}") from None


@cache
def static(path: str) -> bytes:
    """Return a file of `templates/` as it is."""
    return (TEMPLATES / path).read_bytes()


@cache
def names(folder: str) -> tuple[str, ...]:
    """Return the paths of all files below a folder of `templates/`, relative to it, sorted."""
    base = TEMPLATES / folder
    return tuple(sorted(str(each.relative_to(base)) for each in base.rglob("*") if each.is_file()))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    # Nothing is escaped because nothing that needs it passes the settings; the files are no HTML.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - these are configuration files
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(),
    )


def _compiled() -> FileSystemBytecodeCache | None:
    """Keep compiled templates beside them, as Python keeps its modules; not where it may not."""
    from jinja2 import FileSystemBytecodeCache  # noqa: PLC0415

    place = TEMPLATES / "__pycache__"
    if sys.dont_write_bytecode or not os.access(TEMPLATES, os.W_OK):
        return None
    place.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(place))
