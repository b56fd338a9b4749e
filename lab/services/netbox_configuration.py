"""NetBox's configuration in the lab's image (`$NETBOX_ROOT/conf/configuration.py`).

Everything on the machine itself: PostgreSQL and Redis over Unix sockets, no call to the outside.
The secret key and the pepper of API tokens are made when the container first starts.
"""

import os
from pathlib import Path

_SECRETS = Path(os.environ.get("NETBOX_ROOT", "/opt/netbox")) / "secrets"
_SECRET = _SECRETS.read_text().strip() if _SECRETS.exists() else "only-while-the-image-is-built" * 2
_REDIS = "unix:///run/netbox/redis.sock?db={}"

ALLOWED_HOSTS = ["*"]
DATABASES = {
    "default": {
        "NAME": "netbox",
        "USER": "netbox",
        "PASSWORD": "",
        "HOST": "/run/postgresql",
        "PORT": "",
        "CONN_MAX_AGE": 300,
    }
}
REDIS = {name: {"URL": _REDIS.format(number)} for number, name in enumerate(("tasks", "caching"))}
SECRET_KEY = _SECRET
API_TOKEN_PEPPERS = {1: _SECRET}
CENSUS_REPORTING_ENABLED = False
RELEASE_CHECK_URL = None
CSRF_TRUSTED_ORIGINS = ["https://localhost:*", "http://localhost:*"]
BANNER_LOGIN = "The lab's NetBox: read-only login <b>reader</b>, password <b>reader</b>"
