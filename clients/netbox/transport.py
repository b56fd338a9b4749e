"""The shared transport in NetBox's words: what it says when it refuses, and what that means."""

from clients.http import Answer, Http
from vpn.errors import ClientError, Conflict, Unauthorized

SYSTEM = "NetBox"
TOKEN_REFUSALS = (
    "Invalid token",
    "Invalid v1 token",
    "Invalid v2 token",
    "Invalid authorization header",
    "Authentication credentials were not provided",
    "Token expired",
    "Token disabled",
    "User inactive",
    "Source IP",
)
"""How NetBox begins to say that the token itself is refused: with 403, as for a missing permission
(netbox.api.authentication)."""
DUPLICATES = ("already exists", "duplicate", "must be unique", "only one tunnel at a time")
SHOWN_ERRORS = 5


class NetBoxHttp(Http):
    """The shared transport with NetBox's ways to refuse."""

    def refusal(self, answer: Answer) -> ClientError:
        """Return the error for a refused request, telling a bad token from a missing permission."""
        error = super().refusal(answer)
        words = _words(answer)
        if answer.status in (401, 403) and words.startswith(TOKEN_REFUSALS):
            hint = f"the token is refused ({words}); set netbox_token or NETBOX_TOKEN to a valid one"
            return Unauthorized(SYSTEM, self.redact(hint), answer.status)
        kind = Conflict if answer.status == 400 and _says_duplicate(words) else type(error)
        what = f"{answer.response.request.method} {answer.response.url.path}"
        said = self.redact(words) or f"HTTP {answer.status} {answer.reason}".strip()
        return kind(SYSTEM, f"{what} was refused: {said}", answer.status)


def _says_duplicate(words: str) -> bool:
    return any(sign in words.lower() for sign in DUPLICATES)


def _words(answer: Answer) -> str:
    """Return what NetBox says in one line: its detail, or each field with its complaint."""
    try:
        body = answer.response.json()
    except ValueError:
        return ""
    return " ".join("; ".join(_complaints(body)).split())


def _complaints(body: object) -> list[str]:
    """Flatten NetBox's error bodies: {detail}, {field: [words]}, {detail, errors: [{errors}]}."""
    if isinstance(body, list):
        return [line for item in body for line in _complaints(item)][:SHOWN_ERRORS]
    if not isinstance(body, dict):
        return [str(body)]
    if "errors" in body:
        return _complaints(body["errors"])
    return [
        _named(str(field), line)
        for field, said in body.items()
        for line in _complaints(said)
        if field not in ("index", "id", "exception", "netbox_version", "python_version")
    ]


def _named(field: str, line: str) -> str:
    return line if field in ("detail", "error", "__all__", "non_field_errors") else f"{field}: {line}"
