#!/bin/sh
# Runs inside the image while it is built: NetBox from /root/wheels, its database migrated, its service defined.
set -eu
export NETBOX_ROOT=/opt/netbox PYTHONWARNINGS=ignore
CLUSTER=$(ls /etc/postgresql)

useradd --system --home-dir "$NETBOX_ROOT" --shell /usr/sbin/nologin netbox
mkdir -p "$NETBOX_ROOT/conf" /etc/systemd/system
mv /root/netbox_configuration.py "$NETBOX_ROOT/conf/configuration.py"
mv /root/netbox_wsgi.py "$NETBOX_ROOT/conf/"
python3 -m venv "$NETBOX_ROOT/venv"
"$NETBOX_ROOT/venv/bin/pip" install --quiet --no-index --no-deps --find-links /root/wheels -r /root/netbox_requirements.txt
rm -rf /root/wheels

# A lab's database may be lost with its machine: speed over safety.
cat >> "/etc/postgresql/$CLUSTER/main/postgresql.conf" <<'CONF'
listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
cat > /opt/netbox/netbox-run <<'RUN'
#!/bin/sh
# Starts NetBox on $NETBOX_BIND; the caller sees to it that PostgreSQL runs.
set -eu
export NETBOX_ROOT=/opt/netbox PYTHONWARNINGS=ignore
cd "$NETBOX_ROOT"
mkdir -p /run/netbox
chown netbox: /run/netbox
if [ ! -s secrets ]; then
    (umask 077; head -c 48 /dev/urandom | base64 -w0 > secrets.new)
    chown netbox: secrets.new
    mv secrets.new secrets
fi
as_netbox() { exec setpriv --reuid netbox --regid netbox --init-groups "$@"; }
(as_netbox redis-server --port 0 --unixsocket /run/netbox/redis.sock --save '' --appendonly no --daemonize no --loglevel warning) &
while [ ! -S /run/netbox/redis.sock ]; do sleep 0.05; done
tls=""
[ ! -s conf/tls.key ] || tls="--certfile conf/tls.pem --keyfile conf/tls.key"
# One process with threads: half the memory of several, and fast enough for a lab.
as_netbox venv/bin/gunicorn --bind "$NETBOX_BIND" --workers "${NETBOX_WORKERS:-1}" --threads 4 --timeout 120 \
    --worker-tmp-dir /run/netbox $tls --pythonpath conf netbox_wsgi
RUN
chmod 755 /opt/netbox/netbox-run

# Whatever happens, no server may stay behind: mmdebstrap would wait for it for ever.
stop_servers() {
    [ ! -s /run/netbox/redis.pid ] || kill "$(cat /run/netbox/redis.pid)"
    pg_ctlcluster "$CLUSTER" main stop -m fast
}
trap stop_servers EXIT
pg_ctlcluster "$CLUSTER" main start
runuser -u postgres -- createuser netbox
runuser -u postgres -- createdb --owner netbox netbox
mkdir -p /run/netbox
chown -R netbox: "$NETBOX_ROOT" /run/netbox
runuser -u netbox -- redis-server --port 0 --unixsocket /run/netbox/redis.sock --save '' --daemonize yes \
    --pidfile /run/netbox/redis.pid > /dev/null
echo "I: migrating NetBox's database (some minutes)"
runuser -u netbox -- "$NETBOX_ROOT/venv/bin/netbox" migrate --no-input --verbosity 0
runuser -u netbox -- "$NETBOX_ROOT/venv/bin/netbox" collectstatic --no-input --verbosity 0

cat > /etc/systemd/system/netbox.service <<'UNIT'
[Unit]
Description=NetBox
After=postgresql.service network.target
Requires=postgresql.service

[Service]
Environment=NETBOX_BIND=0.0.0.0:8443
ExecStart=/opt/netbox/netbox-run
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
systemctl enable netbox.service
systemctl mask redis-server.service systemd-modules-load.service sys-kernel-debug.mount systemd-journald-audit.socket \
    apt-daily.timer apt-daily-upgrade.timer
