"""A real Zabbix server on loopback ports, thrown away afterwards.

Without the hundreds of stock templates a dump of it all takes no time.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.services.zabbix_api import ADMINISTRATOR, FIRST_PASSWORD, Api
from tests.providers.throwaway import Throwaway, low_ports

VERSIONS = ("6.0", "7.0")
START_SECONDS = 90
BOOT = """mkdir "$WORK/root/srv/server"
mount --bind "$SHARED" "$WORK/root/srv/server"
exec chroot "$WORK/root" /bin/sh -c '
    echo "ListenPort=$TRAPPER_PORT" > /etc/zabbix/zabbix_server.conf.d/port.conf
    echo "ListenIP=127.0.0.1" >> /etc/zabbix/zabbix_server.conf.d/port.conf
    mkdir -p /run/zabbix && chown zabbix: /run/zabbix
    pg_ctlcluster $(ls /etc/postgresql) main start
    echo "TRUNCATE hosts, triggers, graphs CASCADE" | su zabbix -s /bin/sh -c "psql -q zabbix"
    [ -z "$POLL" ] || su zabbix -s /bin/sh -c "zabbix_server -f" &
    for path in /etc/wireguard-vpn /run/wireguard-vpn-status; do ln -s /srv/server $path; done
    [ -z "$POLL" ] || su zabbix -s /bin/sh -c "
        until [ -e /srv/server/zabbix_agent2.conf ]; do sleep 0.1; done
        zabbix_agent2 -f -c /srv/server/zabbix_agent2.conf" &
    export PHP_CLI_SERVER_WORKERS=4
    exec setpriv --pdeathsig keep --reuid zabbix --regid zabbix --init-groups \
        php -c /etc/zabbix/php.ini -S 127.0.0.1:$WEB_PORT -t /usr/share/zabbix
'
"""


@dataclass
class ZabbixServer:
    """One running Zabbix: `url` of its frontend, `api` as its administrator.

    With `poll` the server process runs too, and an agent as soon as `shared` has its configuration;
    agent and collector of a WireGuard server keep their files there.
    """

    version: str
    image: Path
    poll: bool = False
    token: str = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Boot and wait until the API answers."""
        self.web_port, self.trapper_port, self.agent_port = low_ports(3)
        self.url = f"http://127.0.0.1:{self.web_port}"
        self._shared = tempfile.TemporaryDirectory(prefix="wgvpn-server-")
        self.shared = Path(self._shared.name)
        self.shared.chmod(0o755)
        variables = {
            "SHARED": str(self.shared),
            "WEB_PORT": str(self.web_port),
            "TRAPPER_PORT": str(self.trapper_port),
            "POLL": "yes" if self.poll else "",
        }
        self._server = Throwaway(f"zabbix-{self.version}", self.image, BOOT, variables)
        self.api = Api(self.url, self.version)
        self._server.wait(lambda: self.api("apiinfo.version", []), START_SECONDS)
        self.api.login(ADMINISTRATOR, FIRST_PASSWORD)

    def stop(self) -> None:
        """End everything that was started."""
        self._server.stop()
        self._shared.cleanup()
