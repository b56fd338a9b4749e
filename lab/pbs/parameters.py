"""Parameters of the endpoints (facts of the API's own schema, checked against it by a test)."""

from lab.api import calendar_event
from lab.api.schema import array, boolean, integer, text

SAFE = r"[A-Za-z0-9_][A-Za-z0-9._\-]*"
SAFE_ID = text(pattern=SAFE, size=(3, 32))
NS = text(pattern=rf"(?:(?:{SAFE}/){{0,7}}{SAFE})?", size=(None, 256))
DEPTH = integer(0, 7)
STORE = {"store": SAFE_ID.required()}
ID = {"id": SAFE_ID.required()}
DIGEST = {"digest": text(pattern=r"[a-f0-9]{64}")}
COMMENT = text(pattern=r"[^\x00-\x1f\x7f]*", size=(None, 128))
SCHEDULE = text(check=calendar_event.parse)
DELETE = {"delete": array()}
UNITS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
KEEP = {f"keep-{unit}": integer(1) for unit in UNITS}
TYPE = text(enum=("vm", "ct", "host"))
GROUP = {"backup-type": TYPE.required(), "backup-id": text(pattern=SAFE).required()}
SNAPSHOT = {**GROUP, "backup-time": integer(1).required()}
AUTHID = text(pattern=rf"[^\s:/]+@{SAFE}(!{SAFE})?", size=(3, 64))

PRUNE_JOB = {
    **KEEP,
    "comment": COMMENT,
    "disable": boolean(),
    "max-depth": DEPTH,
    "ns": NS,
    "schedule": SCHEDULE,
    "store": SAFE_ID,
}
VERIFY_OPTIONS = {
    "ignore-verified": boolean(),
    "max-depth": DEPTH,
    "ns": NS,
    "outdated-after": integer(0),
    "read-threads": integer(1, 32),
    "verify-threads": integer(1, 32),
}
VERIFY_JOB = {**VERIFY_OPTIONS, "comment": COMMENT, "schedule": SCHEDULE, "store": SAFE_ID}
