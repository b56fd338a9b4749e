# Shared by the scripts of a bundle. Sourced with `here` set to the bundle's directory.
# `root` prefixes every path in tests; on a server it is empty.

root=${WIREGUARD_VPN_ROOT:-}
state=$root/var/lib/wireguard-vpn
library=$root/usr/local/lib/wireguard-vpn
good=$state/last-good
# Not in /run/lock, where anybody may make a file first and hold it; and root's alone, for who can read it can lock it.
lock=$root/run/wireguard-vpn.lock
table=wireguard_vpn
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

declare -A setting

# Read `settings` of the version in directory $1: key=value lines, taken as text, never evaluated.
read_settings() {
    local line
    setting=()
    while IFS= read -r line; do
        setting[${line%%=*}]=${line#*=}
    done <"$1/settings"
    interface=${setting[interface]}
    service=wg-quick@$interface.service
    config=$root${setting[config]}
}

# Say why, for the report, and end this step.
fail() {
    echo "$*" >"$here/reason"
    exit 1
}

# Say of something the tunnel does not need that it is not in order: the run goes on, and fails at its end. To undo the
# change would let a peer in again that was just removed.
unwell() { echo "$*" >>"$here/unwell"; }

# Say what is wrong with a unit ($1): what the tunnel stands on ends this step, another is unwell.
complain() {
    case $1 in
        "$service" | wireguard-vpn-firewall.service) fail "$*" ;;
        *) unwell "$*" ;;
    esac
}

# A step that ends without saying why is told by its place.
explain_failures() {
    set -E
    trap 'echo "${0##*/} line $LINENO failed" >>"$here/failed"' ERR
}

digest_of() {
    local sum
    sum=$(sha256sum)
    echo "${sum%% *}"
}

canonical() { mawk -f "$here/canonical.awk" "$1" | sort; }

config_digest() { canonical "$1" | digest_of; }

# The digest of what the interface really does; fails when it does not exist.
# It goes through a pipe: bash may put a here-string, and the key in it, into a file.
runtime_digest() { wg showconf "$interface" 2>/dev/null | canonical /dev/stdin | digest_of; }

# The digest of our table as the kernel has it, without counters; fails when there is none. nft shows the time at which
# a peer expires in the local time zone.
firewall_digest() {
    local rules
    rules=$(TZ=UTC nft -s list table inet "$table" 2>/dev/null) || return 1
    digest_of <<<"$rules"
}

# Routes of both families, their networks with the length that `ip` leaves out for one address and for all.
routes_of() {
    { ip -4 route show "$@" | sed 's|^default|0.0.0.0/0|'; ip -6 route show "$@" | sed 's|^default|::/0|' || true; } |
        sed -E 's#^([0-9.]+)( |$)#\1/32\2#; s#^([0-9a-f:]+)( |$)#\1/128\2#'
}

# The networks beyond its own that are routed into the interface, whoever did it, sorted.
routes_present() { routes_of dev "$interface" | sed '/ proto kernel/d; s/ .*//' | sort; }
routes_wanted() { tr ' ' '\n' <<<"${setting[routes]:-}" | sed '/^$/d' | sort; }

# The routes through a router, as `ip` takes them, sorted; without the metric that IPv6 has where none is given.
static_routes_present() {
    routes_of | mawk '
        $2 == "via" && $3 != "inet6" {
            line = $1 " via " $3
            for (i = 4; i < NF; i++) {
                if ($i == "dev" && $3 ~ /^fe[89ab]/) line = line " dev " $(i + 1)
                if ($i == "metric" && ($1 !~ /:/ || $(i + 1) != 1024)) line = line " metric " $(i + 1)
            }
            print line
        }' | sort
}
static_routes_missing() {
    comm -13 <(static_routes_present) <(tr ',' '\n' <<<"${setting[static_routes]:-}" | sed '/^$/d' | sort)
}

# The addresses of an interface, and those that a configuration gives it, one a line, each with its length.
addresses_wanted() {
    canonical "$1" | mawk -F '\t' '
        /^interface/ { for (i = 2; i <= NF; i++) if (sub(/^address=/, "", $i)) { gsub(",", "\n", $i); print $i } }'
}
addresses_present() { ip -oneline address show dev "$1" 2>/dev/null | mawk '{ print $4 }'; }

# The addresses of a configuration ($1) that the interface lacks, and those it has beyond them: a network of somebody else's
# goes into the tunnel with one. Link-local ones come by themselves.
addresses_missing() { comm -13 <(addresses_present "$interface" | sort) <(addresses_wanted "$1" | sort); }
addresses_beyond() { comm -23 <(addresses_present "$interface" | sed '/^fe[89ab]/d' | sort) <(addresses_wanted "$1" | sort); }

mtu_present() { cat "$root/sys/class/net/$interface/mtu" 2>/dev/null || true; }
mtu_wanted() { canonical "$1" | sed -n 's/^interface.*\tmtu=\([0-9]*\).*/\1/p'; }

# Whether the interface has the MTU of a configuration; one that gives none leaves it to wg-quick.
mtu_as_wanted() {
    local wanted
    wanted=$(mtu_wanted "$1")
    [[ -z $wanted || $(mtu_present) == "$wanted" ]]
}

# From where this apply came; nothing when that is this machine itself.
session_from() {
    local from=${SSH_CONNECTION:-}
    from=${from%% *}
    from=${from#::ffff:}
    from=${from%%\%*}
    case $from in
        127.* | ::1) ;;
        *) echo "$from" ;;
    esac
}

# The interface by which packets to an address leave; nothing when there is none.
way_to() { ip route get "$1" 2>/dev/null | sed -n '1s/.* dev \([^ ]*\).*/\1/p' || true; }

interface_exists() { [[ -e $root/sys/class/net/$interface ]]; }

# Whether it is there and up (IFF_UP): a link that was set down keeps its key, its peers and its IPv4 address.
interface_up() {
    local flags
    flags=$(cat "$root/sys/class/net/$interface/flags" 2>/dev/null) && ((flags & 1))
}

# Each wanted unit with what systemd answers to $1 (is-active, is-enabled), one a line. All are asked for at once: one by
# one takes several times as long. (`systemctl show` would tell of the boot what it once read.)
unit_words() {
    local number units words
    read -ra units <<<"${setting[units]}"
    mapfile -t words < <(systemctl "$1" "${units[@]}" 2>/dev/null)
    if ((${#words[@]} != ${#units[@]})); then # of one that does not exist nothing is said
        for number in "${!units[@]}"; do words[number]=$(systemctl "$1" "${units[number]}" 2>/dev/null || true); done
    fi
    for number in "${!units[@]}"; do echo "${units[number]} ${words[number]:-unknown}"; done
}

# The wanted units that are not $1: active or enabled. One that reloads is active. To systemctl a unit is enabled, too, that
# is so until the next boot (enabled-runtime) or that nothing starts at one (static).
units_not() {
    local unit word
    while read -r unit word; do
        if [[ $word == "$1" ]]; then continue; fi
        if [[ $1 != active ]] || ! systemctl --quiet is-active "$unit" 2>/dev/null; then echo "$unit"; fi
    done < <(unit_words "is-$1")
}

# A masked unit neither starts nor can be enabled. The mask may be until the next boot, or on all instances.
unmask_units() {
    local unit word
    while read -r unit word; do
        if [[ $word != masked* ]]; then continue; fi
        systemctl unmask "$unit" "${unit/@*./@.}" || true
        systemctl unmask --runtime "$unit" "${unit/@*./@.}" || true
    done < <(unit_words is-enabled)
}

# Stop all there is of the service.
stop_units() {
    local unit
    for unit in "$service" ${setting[units]} $(cat "$state/units" 2>/dev/null || true); do
        systemctl disable --now "$unit" >/dev/null 2>&1 || true
    done
    if interface_exists; then ip link delete "$interface"; fi
    nft delete table inet "${table}_attempts" 2>/dev/null || true
    nft delete table inet "$table" 2>/dev/null || true
}

# A run that was killed leaves its bundle, and the keys in it, in memory. No run waits for the lock as long as half an
# hour, so with the lock in hand an older one is nobody's.
remove_old_bundles() {
    find "$root/run" -maxdepth 1 -type d -name 'wireguard-vpn.??????' ! -path "$here" -mmin +30 -exec rm -rf {} + || true
}

# Name and version of each wanted package that is installed.
installed_packages() {
    # shellcheck disable=SC2086
    { dpkg-query --show --showformat='${Package} ${Version} ${db:Status-Status}\n' ${setting[packages]} 2>/dev/null || true; } |
        sed -n 's/ installed$//p'
}

# Mode, owner and group of a file as `placement` writes them; nothing for a missing file.
mode_of() { stat -c '0%a %U:%G' "$1" 2>/dev/null || true; }

# What tools said, fit for a message: nothing that looks like a key.
redacted() { sed -E 's#[A-Za-z0-9+/]{43}=#[key]#g' | tr '\n' ' '; }
first_words() { head -n 1 "$1" | redacted; }
last_words() { tail -n "${2:-2}" "$1" | redacted; }

# A JSON string, or null for nothing.
json() {
    local text=$1
    [[ -n $text ]] || { printf null; return; }
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# Write the lines of standard input to the journal, each with its <level> prefix.
journal() { systemd-cat --identifier=wireguard-vpn --level-prefix=true || true; }
