"""A typed client of Zabbix's API (6.0 to 7.0) for the few objects the program looks after."""

from clients.zabbix.client import Zabbix
from clients.zabbix.records import AgentInterface, Group, Host, HostSpec, Template

__all__ = ["AgentInterface", "Group", "Host", "HostSpec", "Template", "Zabbix"]
