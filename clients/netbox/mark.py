"""The ownership mark: one tag per stack, named after it, on every object the stack has made."""

import re
from dataclasses import dataclass
from typing import Any

from clients.netbox.api import NetBox
from clients.netbox.kinds import KINDS
from vpn.errors import ClientError, Conflict, Problem, ServerFault

PATH = "extras/tags"
NAME_LIMIT = 100
"""Longest name and slug of a tag (NetBox's OpenAPI document, maxLength)."""
COLOR = "2196f3"


@dataclass(frozen=True)
class Mark:
    """`text` is `pulumi: <project>/<stack>/<owner id>` and the tag's name."""

    text: str

    @property
    def slug(self) -> str:
        """The tag's slug, by which objects are found; as unique as the owner id in it."""
        return re.sub(r"[^a-z0-9_]+", "-", self.text.lower()).strip("-")

    @property
    def stack(self) -> str:
        """`<project>/<stack>`."""
        return self.text.removeprefix("pulumi:").strip().rpartition("/")[0]

    @property
    def message(self) -> str:
        """What NetBox's change log says beside each of our writes."""
        return f"Pulumi stack {self.stack}"

    def problems(self) -> list[Problem]:
        """Return what NetBox would refuse in it."""
        if len(self.text) <= NAME_LIMIT:
            return []
        rule = f"project and stack name make a tag longer than NetBox's {NAME_LIMIT} characters"
        return [Problem("mark", self.text, rule)]


def find(netbox: NetBox, mark: Mark) -> dict[str, Any] | None:
    """Return the stack's tag, None when NetBox has none."""
    tags = netbox.find(PATH, slug=mark.slug)
    return next((tag for tag in tags if tag.get("slug") == mark.slug), None)


def ensure(netbox: NetBox, mark: Mark) -> None:
    """Make the stack's tag unless it is there, limited to the kinds of objects we make."""
    tag = find(netbox, mark)
    if tag is None:
        tag = _make(netbox, mark)
    if tag.get("name") != mark.text:
        netbox.update(PATH, [{"id": tag["id"], "name": mark.text}])


def remove(netbox: NetBox, mark: Mark) -> None:
    """Remove the stack's tag if it is there."""
    tag = find(netbox, mark)
    if tag is not None:
        netbox.delete(PATH, [tag["id"]], mark.message)


def _make(netbox: NetBox, mark: Mark) -> dict[str, Any]:
    body = {
        "name": mark.text,
        "slug": mark.slug,
        "color": COLOR,
        "description": f"Made and kept by Pulumi stack {mark.stack}"[:200],
        "object_types": [kind.model for kind in KINDS],
        "changelog_message": mark.message,
    }
    try:
        return netbox.create(PATH, [body])[0]
    except (Conflict, ServerFault) as error:
        return _made_meanwhile(netbox, mark, error)


def _made_meanwhile(netbox: NetBox, mark: Mark, error: ClientError) -> dict[str, Any]:
    """Return the tag another run made at the same moment; NetBox answers 400 or 500 then."""
    tag = find(netbox, mark)
    if tag is None:
        raise error
    return tag
