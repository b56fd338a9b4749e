"""The one exception a handler raises to answer with an error."""

from collections.abc import Mapping


class ApiError(Exception):
    """An error answer: HTTP `status`, its `message` and, for bad parameters, one message per parameter."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = dict(errors or {})


class ParameterError(Exception):
    """Parameters that break their schema: one message per parameter name."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(errors)))
        self.errors = dict(errors)
