"""What Zabbix's two resources know."""

from pydantic import Field

from clients.zabbix import Group, Host, Template
from providers.props import Props
from vpn.monitoring import MARK_TAG, group_uuid


class ReservationProps(Props):
    """Whose monitoring it will be, and under which names.

    `frontend` is there so that a move to another Zabbix shows and is carried out: host and template are made there,
    and those in the Zabbix left behind stay, since it may be gone. The connection takes the address from the config.
    """

    frontend: str = ""
    mark: str = ""
    host: str
    template_name: str
    host_group: str
    adopt: bool = False


class RegistrationProps(ReservationProps):
    """Host and template as they shall be; after a refresh, as they are.

    `template` is what Zabbix imports, as JSON. `psk` (hexadecimal) and `backup_token` are secrets;
    Zabbix shows neither again, so `psk_identity` carries a digest that changes with the key.
    `template_parts` are digests of Zabbix's own export of the template: what refresh compares. `epoch` is that of the
    registration's intent.
    """

    address: str = ""
    port: int = 10050
    description: str = ""
    enabled: bool = True
    template: str = ""
    psk_identity: str = ""
    psk: str = ""
    backup_token: str | None = None
    epoch: int = 0
    template_parts: dict[str, str] = Field(default_factory=dict)
    url: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return self.psk, self.backup_token or ""


def is_ours(existing: Host | Template, mark: str) -> bool:
    """Whether an object carries this stack's mark."""
    return bool(mark) and (MARK_TAG, mark) in existing.tags


def made_by_us(group: Group, mark: str) -> bool:
    """Whether the stack made the group: one that was there before has another UUID, whatever its name."""
    return group.uuid == group_uuid(mark, group.name)


def foreign(kind: str, name: str) -> str:
    """Say what to do about an object that is not ours."""
    remedy = "rename or remove it, or set zabbix_adopt to take it over"
    return f"the {kind} {name!r} exists in Zabbix and is not ours; {remedy}"
