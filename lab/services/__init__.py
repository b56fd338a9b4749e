"""Real NetBox and Zabbix, each in a container of the site."""
