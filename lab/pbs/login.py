"""How the node logs in to the backup server: with the storage's token, over HTTPS, asking for its privileges."""

import http.client
import json
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

TIMEOUT = 10


@dataclass(frozen=True)
class PbsLogin:
    """One token at one server."""

    url: str
    token: str
    secret: str = field(repr=False)
    ca: Path

    def privileges(self, path: str) -> set[str]:
        """Privileges the token has at `path`; OSError when the server is away, refuses or answers nonsense."""
        context = ssl.create_default_context(cafile=self.ca)
        parts = urlsplit(self.url)
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=TIMEOUT)
        header = {"Authorization": f"PBSAPIToken={self.token}:{self.secret}"}
        try:
            connection.request("GET", f"/api2/json/access/permissions?path={quote(path)}", headers=header)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise OSError(f"{answer.status} {answer.reason}")
            return set(json.loads(body)["data"].get(path, {}))
        except (http.client.HTTPException, ValueError, KeyError, AttributeError) as error:
            raise OSError(f"no sensible answer from the backup server: {error}") from error
        finally:
            connection.close()
