"""Base class of the dynamic providers.

Pulumi's host calls a provider with untyped dictionaries in which integers are floats, absent
values are missing and values not known yet are marks. This module turns them into one typed model
per resource and turns exceptions into what a person reads: check failures, or one line.
A provider class has no state of its own: it is stored by reference, and thousands may exist.
"""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pydantic import ValidationError

from providers import credentials, end_at_once
from providers.props import Props, is_unknown
from vpn.errors import ConfigError, Problem, StackError, Unauthorized, VpnError

KEY_PATTERN = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?!=)")
PEM_PATTERN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END[^\n]*|$)", re.DOTALL)


P = TypeVar("P", bound=Props)


class Failure(Exception):
    """What Pulumi shows when an operation failed: one message, nothing secret, no cause."""


class Provider(ResourceProvider, Generic[P]):
    """A dynamic provider over a typed model.

    A subclass names its model in `props`, the inputs whose change makes a new resource in
    `replace_on` and what the provider itself writes in `computed`, and fills in the `on_…` methods.
    """

    serialize_as_secret_always = False
    props: ClassVar[type[Props]]
    replace_on: ClassVar[frozenset[str]] = frozenset()
    computed: ClassVar[frozenset[str]] = frozenset()

    def on_check(self, old: P | None, new: P) -> P:
        """Return the inputs to use; raise ConfigError or another VpnError to refuse them."""
        del old
        return new

    def on_create(self, new: P) -> tuple[str, P]:
        """Make it and return its id and its values."""
        raise NotImplementedError

    def on_read(self, id_: str, old: P) -> P | None:
        """Return the values observed, None when it is gone."""
        del id_
        return old

    def on_update(self, id_: str, old: P, new: P) -> P:
        """Change it from `old` to `new` and return its values."""
        del id_, old
        return new

    def on_delete(self, id_: str, old: P) -> None:
        """Remove it; nothing to do when it is gone."""

    def on_diff(self, old: P, new: P) -> set[str]:
        """Return the names of the inputs that differ; one not known yet counts as changed."""
        names = set(type(new).model_fields) - self.computed - {"unknown"}
        return {n for n in names if n in new.unknown or getattr(old, n) != getattr(new, n)}

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the stack's config for this process."""
        end_at_once()
        credentials.remember(req.config.get)
        quiet_tracebacks()

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate inputs and fill in what is decided before the change."""
        try:
            with guarded(self, "check"):
                return self._check(_olds, news)
        except Failure as failure:
            return CheckResult(dict(news), [CheckFailure("", str(failure))])

    def _check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        try:
            new = self._model(news)
        except ValidationError as error:
            return CheckResult(dict(news), self._failures(error, news))
        try:
            return CheckResult(self.on_check(self._stored(olds) if olds else None, new).dump(), [])
        except ConfigError as error:
            return CheckResult(dict(news), [_failure(problem) for problem in error.problems])
        except Unauthorized as error:
            key = credentials.TOKENS.get(error.system, "")
            return CheckResult(dict(news), [CheckFailure(key, redacted(f"is not accepted: {error}"))])

    def _failures(self, error: ValidationError, news: Mapping[str, Any]) -> list[CheckFailure]:
        """Say what does not fit, except what is merely not known yet; never show a value."""
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return [
            CheckFailure(".".join(map(str, item["loc"])), item["msg"])
            for item in found
            if not (item["loc"] and is_unknown(news.get(str(item["loc"][0]))))
        ]

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say whether anything changes and whether that makes a new resource."""
        with guarded(self, "diff"):
            try:
                old, new = self._model(_olds), self._model(_news)
            except ValidationError:
                return DiffResult(changes=True)
            changed = self.on_diff(old, new)
            replaces = sorted(changed & self.replace_on)
            return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace=True)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the resource."""
        with guarded(self, "create"):
            id_, outs = self.on_create(self._model(props))
            return CreateResult(id_, outs.dump())

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Observe the resource: outputs and, so that drift shows, inputs. Gone is an empty id."""
        with guarded(self, "read"):
            observed = self.on_read(id_, self._stored(props))
            if observed is None:
                return ReadResult("", {})
            outs = observed.dump()
            return ReadResult(id_, outs, dict(outs))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Change the resource in place."""
        with guarded(self, "update"):
            return UpdateResult(self.on_update(_id, self._stored(_olds), self._model(_news)).dump())

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the resource; what lives in the state alone goes whatever is stored of it."""
        if type(self).on_delete is Provider.on_delete:
            return
        with guarded(self, "delete"):
            self.on_delete(_id, self._stored(_props))

    def _model(self, raw: Mapping[str, Any]) -> Any:
        return self.props.of(raw)

    def _stored(self, olds: Mapping[str, Any]) -> Any:
        """Return the state's values as a model; to go on without them would make every key anew."""
        try:
            return self._model(olds)
        except ValidationError as error:
            raise StackError(
                f"the state was written by another version of this program: {type(self).__name__} does not understand "
                f"its values of {_places(error)}. Run the version that wrote it"
            ) from None


@contextmanager
def guarded(provider: object, operation: str) -> Iterator[None]:
    """Turn every exception into a Failure whose text holds no secret and drags no traceback."""
    what = f"{type(provider).__name__}.{operation}"
    try:
        yield
    except Failure:
        raise
    except ValidationError as error:
        raise Failure(f"{what}: the stored values of {_places(error)} do not fit") from None
    except VpnError as error:
        raise Failure(redacted(str(error))) from None
    except Exception as error:  # noqa: BLE001 - the last stop before Pulumi's own dump of it
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"
        raise Failure(f"{what}: {type(error).__name__} in {place}; this is a defect") from None


def _places(error: ValidationError) -> str:
    return ", ".join(".".join(map(str, item["loc"])) for item in error.errors())


def redacted(text: str) -> str:
    """Return `text` without known credentials, WireGuard keys and private key blocks."""
    for secret in credentials.secret_values():
        text = text.replace(secret, "[secret]")
    return KEY_PATTERN.sub("[key]", PEM_PATTERN.sub("[private key]", text))


def quiet_tracebacks() -> None:
    """Keep the plugin's server from printing a traceback for a Failure: Pulumi shows its text."""
    logger = logging.getLogger("grpc._server")
    if not any(existing is _not_a_failure for existing in logger.filters):
        logger.addFilter(_not_a_failure)


def _not_a_failure(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], Failure))


def anew(adopt: str, what: str) -> Problem:
    """Return why a reservation may not be made while its objects are in use, and the ways out; `adopt` is the key.

    Pulumi asks for a replacement (`--replace`, a taint) as for a first one, then ends the former: with all of ours.
    """
    rule = (
        f"{what}: a reservation made anew would end with the removal of everything of ours there. Leave --replace out, "
        f"or undo a taint by `pulumi state untaint`; if the state was lost, set {adopt} for one run"
    )
    return Problem(adopt, None, rule)


def _failure(problem: Any) -> CheckFailure:
    said = f"{problem.value!r}: {problem.rule}" if problem.value is not None else problem.rule
    return CheckFailure(problem.key, redacted(said))
