"""One HTTP transport for every API: TLS trust, time limits, careful retries, plain errors.

Only what is safe to repeat is repeated: GET, and requests a caller declares idempotent. Secrets
(tokens, passwords) are struck out of whatever an error says. Connections are direct: a proxy or netrc
file of the environment does not apply, so behind a proxy the systems must be reachable without it.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from clients.tls import Trust, ssl_context
from vpn.errors import (
    BadAnswer,
    ClientError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    ServerFault,
    Throttled,
    TlsFailure,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 20.0
CONNECT_SECONDS = 5.0
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 8.0
REASON_LENGTH = 400
"""Characters of a refusal's words that are shown; cut only after secrets are struck out."""
NO_TLS = "it does not speak TLS; is the URL right?"
TRANSIENT = frozenset({429, 502, 503, 504})
STILL_UNDONE = frozenset({429})
STATUS_ERRORS: Mapping[int, type[ClientError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, reason phrase, and the body as text or JSON."""

    system: str
    status: int
    reason: str
    text: str
    response: httpx.Response

    def json(self) -> Any:
        """Return the decoded body; None for an empty one. Raises BadAnswer for anything else."""
        if not self.text.strip():
            return None
        try:
            return self.response.json()
        except ValueError:
            raise BadAnswer(self.system, "the answer is not JSON; is this the right URL?") from None


class Http:
    """A connection to one system's API.

    `system` is the name used in errors ("Proxmox VE"); `secrets` are struck out of them;
    `transport` replaces the network in tests and `sleep` the pauses between attempts.
    """

    def __init__(
        self,
        system: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        trust: Trust | None = None,
        secrets: Iterable[str] = (),
        timeout: float = TIMEOUT_SECONDS,
        attempts: int = ATTEMPTS,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.system = system
        self.url = url.rstrip("/")
        self._secrets = tuple(secret for secret in secrets if secret)
        self._attempts = max(1, attempts)
        self._sleep = sleep
        self._client: httpx.Client = _httpx().Client(
            base_url=self.url,
            headers={"Accept": "application/json", **(headers or {})},
            verify=True if transport else _context(system, trust or Trust()),
            timeout=_httpx().Timeout(timeout, connect=CONNECT_SECONDS),
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that GET `path` answers; raises as `request` does."""
        return self.request("GET", path, params=params).json()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> Answer:
        """Send one request, repeated with growing pauses while that is safe and may help.

        Raises a ClientError: Unreachable and TlsFailure before an answer, by status after it.
        """
        request = self._client.build_request(method, path, params=params, data=data, json=json, headers=headers)
        return self._repeat(request, repeatable=idempotent or method == "GET")

    def _repeat(self, request: httpx.Request, *, repeatable: bool) -> Answer:
        for attempt in range(1, self._attempts):
            try:
                answer = self._send(request)
            except Unreachable:
                if not repeatable:
                    raise
                self._sleep(_pause(attempt))
                continue
            # 429 says that nothing was done (RFC 6585, section 4): safe to repeat whatever it was.
            if answer.status not in (TRANSIENT if repeatable else STILL_UNDONE):
                return self._accepted(answer)
            self._sleep(_pause(attempt, answer.response.headers.get("Retry-After")))
        return self._accepted(self._send(request))

    def _send(self, request: httpx.Request) -> Answer:
        try:
            response = self._client.send(request)
        except (_httpx().HTTPError, ssl.SSLError) as error:
            raise self._transport_error(error) from None
        return Answer(self.system, response.status_code, response.reason_phrase, response.text, response)

    def _transport_error(self, error: Exception) -> ClientError:
        cause = _tls_cause(error)
        words = _tls_words(cause) if cause else str(error) or type(error).__name__
        kind = TlsFailure if isinstance(cause, ssl.SSLCertVerificationError) else Unreachable
        return kind(self.system, self.redact(f"at {self.url}: {words}"))

    def _accepted(self, answer: Answer) -> Answer:
        if answer.status < HTTPStatus.BAD_REQUEST:
            return answer
        raise self.refusal(answer)

    def refusal(self, answer: Answer) -> ClientError:
        """Return the error for an answer that refuses; a system with words of its own overrides it."""
        kind = STATUS_ERRORS.get(answer.status) or (
            ServerFault if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Rejected
        )
        return kind(self.system, self.redact(_reason(answer))[:REASON_LENGTH], answer.status)

    def redact(self, text: str) -> str:
        """Return `text` without this connection's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def _httpx() -> Any:
    """Import httpx only when something is asked: it takes longer than the program's own modules together."""
    import httpx  # noqa: PLC0415

    return httpx


def _context(system: str, trust: Trust) -> ssl.SSLContext:
    try:
        return ssl_context(trust)
    except (OSError, ValueError) as error:
        raise TlsFailure(system, f"what to trust cannot be read: {error}") from None


def _pause(attempt: int, retry_after: str | None = None) -> float:
    """Seconds before the next attempt: what the server asks, else doubling with jitter."""
    if retry_after and retry_after.isdigit():
        return min(float(retry_after), LONGEST_PAUSE_SECONDS)
    growing: float = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
    return min(growing * random.uniform(0.8, 1.2), LONGEST_PAUSE_SECONDS)  # noqa: S311


def _tls_cause(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = getattr(error, "verify_message", "") or str(error)
        return f"its certificate is not trusted ({words}); give its CA file or SHA-256 fingerprint"
    return NO_TLS if error.reason == "WRONG_VERSION_NUMBER" else f"the TLS connection failed: {error}"


def _reason(answer: Answer) -> str:
    """Say status, reason phrase and the body's own words, in one line."""
    said = _words(answer)
    head = f"HTTP {answer.status} {answer.reason}".strip()
    text = head if not said or said in head else f"{head}: {said}"
    return " ".join(text.split())


def _words(answer: Answer) -> str:
    try:
        body = answer.response.json()
    except ValueError:
        return "" if "<html" in answer.text.lower() else answer.text
    if not isinstance(body, dict):
        return str(body)
    parts = [body.get("message"), body.get("detail"), body.get("error"), body.get("errors")]
    spoken = [str(part).strip() for part in parts if part]
    known = {"message", "detail", "error", "errors", "data"}
    return "; ".join(spoken) or str({k: v for k, v in body.items() if k not in known} or "")
