"""Carries out a plan: bulk requests, every body explicit, every answer compared with what was sent."""

from collections.abc import Sequence
from typing import Any

from clients.netbox.api import NetBox
from clients.netbox.directory import Directory
from clients.netbox.fields import ApiObject
from clients.netbox.kinds import BY_NAME, Kind
from clients.netbox.mark import Mark
from clients.netbox.observe import natural_key, seen
from clients.netbox.plan import Action, Step, differing
from clients.netbox.transport import SYSTEM
from vpn.errors import BadAnswer


class Writer:
    """Writes as one stack: what it makes carries the stack's tag and note in the change log."""

    def __init__(self, netbox: NetBox, mark: Mark, directory: Directory) -> None:
        self._netbox = netbox
        self._mark = mark
        self._directory = directory

    def apply(self, steps: Sequence[Step]) -> None:
        """Write all steps, those of one kind and action in as few requests as may be."""
        batches: dict[tuple[Action, Kind], list[Step]] = {}
        for step in steps:
            batches.setdefault((step.action, BY_NAME[step.kind]), []).append(step)
        for (action, kind), batch in batches.items():
            self._write(action, kind, batch)

    def _write(self, action: Action, kind: Kind, batch: Sequence[Step]) -> None:
        if action is Action.DELETE:
            ids = [step.seen.id for step in batch if step.seen]
            self._netbox.delete(kind.path, ids, self._mark.message)
        elif action is Action.CREATE:
            made = self._netbox.create(kind.path, [self._body(step) for step in batch])
            self._learn(kind, made)
            self._compare(kind, batch, made)
        else:
            for step in batch:
                self._learn_adopted(step)
            changed = self._netbox.update(kind.path, [self._body(step) for step in batch])
            self._compare(kind, batch, changed)

    def _body(self, step: Step) -> dict[str, Any]:
        """Return the request body of one step."""
        kind = BY_NAME[step.kind]
        body: dict[str, Any] = {"changelog_message": self._mark.message}
        for name, value in step.fields.items():
            body |= kind.fields[name].write(value, self._directory)
        own_tag = {"slug": self._mark.slug}
        if step.action is Action.CREATE:
            return body | {"tags": [own_tag]}
        if step.action is Action.ADOPT and step.seen:
            body["tags"] = [*({"id": tag} for tag in step.seen.tags), own_tag]
        return body | {"id": self._directory.id(step.kind, step.key)}

    def _learn(self, kind: Kind, made: Sequence[ApiObject]) -> None:
        for each in made:
            self._directory.learn(kind.name, natural_key(kind, each, self._directory), int(each["id"]))

    def _learn_adopted(self, step: Step) -> None:
        if step.action is Action.ADOPT and step.seen:
            self._directory.learn(step.kind, step.key, step.seen.id)

    def _compare(self, kind: Kind, batch: Sequence[Step], answer: Sequence[ApiObject]) -> None:
        """Raise BadAnswer when NetBox kept another value than it was sent: it ignores silently."""
        by_id = {int(each["id"]): each for each in answer}
        for step in batch:
            found = by_id.get(self._directory.known(kind.name, step.key) or 0)
            if found is None:
                raise BadAnswer(SYSTEM, f"{kind.words} {step.key!r} is not in the answer to its write")
            kept = seen(kind, found, self._directory).fields
            for name, value in differing(step.fields, kept).items():
                said = f"{name} of {kind.words} {step.key!r} stayed {kept.get(name)!r}, not {value!r}"
                raise BadAnswer(SYSTEM, said)
