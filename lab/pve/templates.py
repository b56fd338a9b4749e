"""Templates by URL: asking for their size, and downloading them into a storage with a checksum."""

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from lab.api.schema import boolean, text
from lab.api.tasks import TaskError
from lab.pve.checks import NETWORK_ACCESS, both, on
from lab.pve.cluster import Cluster
from lab.pve.dialect import bad_parameter, died
from lab.pve.parameters import NODE
from lab.pve.routing import Call, endpoint
from lab.pve.storage import STORAGE

MIRROR = "download.lab.internal"
"""The only host this node reaches: the lab's own mirror of templates."""
URL = text(pattern=r"https?://.*").required()
EXTENSIONS = r".+\.tar\.(gz|xz|zst|bz2)"


def _resolve(cluster: Cluster, url: str) -> Path:
    parts = urlsplit(url)
    if parts.hostname != MIRROR:
        raise died(f"Can't connect to {parts.netloc} (Name or service not known)")
    path = cluster.templates(PurePosixPath(parts.path).name)
    if path is None:
        raise died("got 404 Not Found")
    return path


@endpoint(
    "GET",
    "/nodes/{node}/query-url-metadata",
    {**NODE, "url": URL, "verify-certificates": boolean()},
    permission=NETWORK_ACCESS,
)
def query_url_metadata(call: Call) -> Any:
    """File name, size and type behind a URL."""
    path = _resolve(call.cluster, call.params["url"])
    return {"filename": path.name, "size": path.stat().st_size, "mimetype": "application/zstd"}


@endpoint(
    "POST",
    "/nodes/{node}/storage/{storage}/download-url",
    {
        **STORAGE,
        "checksum": text(requires="checksum-algorithm"),
        "checksum-algorithm": text(enum=("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), requires="checksum"),
        "compression": text(),
        "content": text(enum=("iso", "vztmpl", "import")).required(),
        "filename": text(size=(None, 255)).required(),
        "url": URL,
        "verify-certificates": boolean(),
    },
    permission=both(on("/storage/{storage}", "Datastore.AllocateTemplate"), NETWORK_ACCESS),
)
def download_url(call: Call) -> Any:
    """Start a download and return its task."""
    storage = call.cluster.storage(call.params["storage"])
    if call.params["content"] not in storage["content"].split(","):
        raise died(f"storage '{call.params['storage']}' is not configured for content-type '{call.params['content']}'")
    name = re.sub(r"[^-a-zA-Z0-9_.+]", "_", call.params["filename"])
    if not re.fullmatch(EXTENSIONS, name):
        raise bad_parameter("filename", "wrong file extension")
    return call.cluster.tasks.start(
        "download", quote(name, safe=""), call.who.authid, lambda log: _download(call, name, log)
    )


def _download(call: Call, name: str, log: Callable[[str], None]) -> None:
    target = call.cluster.storage_path(call.params["storage"], "template", "cache") / name
    expected, algorithm = call.get("checksum"), call.get("checksum-algorithm")
    if target.exists():
        _check_existing(target, expected, algorithm, log)
        return
    source = _resolve(call.cluster, call.params["url"])
    log(f"downloading {call.params['url']} to /var/lib/vz/template/cache/{name}")
    draft = target.with_name(f".{name}.tmp_dwnl")
    shutil.copyfile(source, draft)
    found = _hash(draft, algorithm) if algorithm else None
    if found != (expected.lower() if expected else None):
        draft.unlink()
        raise TaskError(f"checksum mismatch: got '{found}' != expect '{expected}'")
    draft.replace(target)
    log("download of file finished")


def _check_existing(target: Path, expected: str | None, algorithm: str | None, log: Callable[[str], None]) -> None:
    if not (expected and algorithm):
        raise TaskError(f"refusing to override existing file '/var/lib/vz/template/cache/{target.name}'")
    found = _hash(target, algorithm)
    if found != expected.lower():
        raise TaskError(f"checksum mismatch: got '{found}' != expect '{expected}', aborting")
    log("OK, got correct file already, no need to download")


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
