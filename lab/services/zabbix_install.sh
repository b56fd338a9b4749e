#!/bin/sh
# Turns a Debian with Zabbix's packages into a Zabbix server: database, configuration, units.
# Runs once, as root, inside the image that is being built. Debian's frontend reads
# /etc/zabbix/zabbix.conf.php and nothing else.
set -eu

# The frontend shows nothing but complaints without the locale of its language.
localedef -i en_US -f UTF-8 en_US.UTF-8

pg=$(ls /etc/postgresql)
mkdir -p "/etc/postgresql/$pg/main/conf.d" /etc/zabbix /etc/zabbix/zabbix_server.conf.d

# A lab forgets its measurements when the machine dies; it need not wait for the disk.
cat > "/etc/postgresql/$pg/main/conf.d/lab.conf" <<'END'
listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 60
shared_buffers = 64MB
END

cat > /etc/zabbix/zabbix_server.conf <<'END'
ListenPort=10051
LogType=console
PidFile=/run/zabbix/zabbix_server.pid
SocketDir=/run/zabbix
DBHost=
DBName=zabbix
DBUser=zabbix
CacheUpdateFrequency=1
StartPollers=2
StartPollersUnreachable=1
StartTrappers=2
StartPreprocessors=2
StartDiscoverers=1
StartHTTPPollers=1
StartPingers=1
Timeout=10
FpingLocation=/usr/bin/fping
Include=/etc/zabbix/zabbix_server.conf.d/*.conf
END

cat > /etc/zabbix/zabbix.conf.php <<'END'
<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '';
$DB['PORT'] = '0';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'zabbix';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = 'localhost';
$ZBX_SERVER_PORT = '10051';
$ZBX_SERVER_NAME = 'lab';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
END

cat > /etc/zabbix/php.ini <<'END'
post_max_size = 16M
memory_limit = 256M
max_execution_time = 300
max_input_time = 300
date.timezone = UTC
END

cat > /etc/systemd/system/zabbix-web.service <<'END'
[Unit]
Description=Zabbix web interface (PHP's own server)
After=network.target postgresql.service

[Service]
User=zabbix
Environment=PHP_CLI_SERVER_WORKERS=4
ExecStart=/usr/bin/php -c /etc/zabbix/php.ini -S 0.0.0.0:80 -t /usr/share/zabbix
AmbientCapabilities=CAP_NET_BIND_SERVICE
Restart=on-failure

[Install]
WantedBy=multi-user.target
END

mkdir -p /etc/systemd/system/zabbix-server.service.d
cat > /etc/systemd/system/zabbix-server.service.d/lab.conf <<'END'
[Service]
RuntimeDirectory=zabbix
Restart=on-failure
END

for unit in zabbix-server zabbix-web postgresql; do
    ln -sf "$(ls /etc/systemd/system/$unit.service /lib/systemd/system/$unit.service 2>/dev/null | head -1)" \
        "/etc/systemd/system/multi-user.target.wants/$unit.service"
done

for unit in zabbix-agent2 php8.2-fpm php8.4-fpm; do
    ln -sf /dev/null "/etc/systemd/system/$unit.service"
done
for unit in sys-kernel-debug.mount systemd-journald-audit.socket systemd-modules-load.service; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done

# systemd of Debian 13 refuses a host with legacy control groups unless told so before it starts.
rm /sbin/init
printf '#!/bin/sh\nexport SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1\nexec /lib/systemd/systemd "$@"\n' > /sbin/init
chmod 755 /sbin/init

pg_ctlcluster "$pg" main start
su postgres -c "createuser zabbix && createdb -O zabbix -E UTF8 -T template0 zabbix"
for part in schema images data; do
    zcat "/usr/share/zabbix-server-pgsql/$part.sql.gz" |
        su zabbix -s /bin/sh -c "psql -q -o /dev/null -v ON_ERROR_STOP=1 zabbix"
done
# Debian's own check of its frontend and the sample host have no place in a lab.
su zabbix -s /bin/sh -c "psql -q zabbix" <<'END'
UPDATE hosts SET status = 1 WHERE host = 'Zabbix server';
END
pg_ctlcluster "$pg" main stop
