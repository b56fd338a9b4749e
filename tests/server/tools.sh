#!/bin/bash
# Stand-ins of the tools the server's scripts call, told apart by their name.
# They keep the state of a pretended machine in $MACHINE: `running/IFACE` (what wg has loaded),
# `units/UNIT` (its words: active, enabled), `table` (nft's table), `sysctl/NAME`, `packages`, `addresses`,
# `routes` and `routers` (into wg0, and through a router, of which some are `unreachable`), `connected`, `owners` (names of files that
# are not root's), `hosts` (what resolves), and write every call that changes something to `calls`. `broken` holds the beginnings of calls that must fail, those after `once` a single time.
set -u
tool=${0##*/}
root=$WIREGUARD_VPN_ROOT

call() {
    local text word
    text=$tool
    for word in "$@"; do text+=" ${word##*/}"; done
    echo "$text" >>"$MACHINE/calls"
    while read -r word; do
        [[ $text == "${word#once }"* ]] || continue
        if [[ $word == "once "* ]]; then sed -i "/^$word\$/d" "$MACHINE/broken"; fi
        echo "broken on purpose: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" >&2
        exit 1
    done <"$MACHINE/broken"
}

# An interface that is up, as sysfs shows it.
make_link() { mkdir "$root/sys/class/net/$1" 2>/dev/null && echo 0x91 >"$root/sys/class/net/$1/flags"; }

quick_up() {
    local config=$root/etc/wireguard/$1.conf
    make_link "$1"
    sed -n 's/^Address *= *//p' "$config" >"$MACHINE/addresses"
    grep -vE '^(#|(Address|SaveConfig|PostUp) *=)' "$config" >"$MACHINE/running/$1"
    change_routes <"$root/etc/wireguard-vpn/routes"
    run_hooks "$config" || { delete_link "$1"; return 1; }
}

# What a configuration runs when its interface has come up: one that fails takes the interface down again.
run_hooks() {
    local hook
    sed -n 's/^PostUp *= *//p' "$1" >"$MACHINE/hooks"
    while read -r hook; do (eval "$hook") || return 1; done <"$MACHINE/hooks"
}

quick_down() {
    local config=$root/etc/wireguard/$1.conf running=$MACHINE/running/$1 own
    [[ -f $running ]] || return 0
    if grep -q 'SaveConfig = true' "$config" 2>/dev/null; then
        own=$(grep -E '^(SaveConfig|PostUp)' "$config")
        { echo "[Interface]"; sed 's/^/Address = /' "$MACHINE/addresses"; echo "$own"; tail -n +2 "$running"; } >"$config"
    fi
    delete_link "$1"
}

delete_link() { rm -rf "$MACHINE/running/$1" "$root/sys/class/net/$1" "$MACHINE/routes"; }

# Leave out of a configuration the paragraphs with the public keys of standard input.
drop_peers() {
    awk -v keys=<(cat) '
        BEGIN { while ((getline line <keys) > 0) gone[line] = 1; RS = ""; ORS = "\n\n"; FS = "\n" }
        { key = $0; if (sub(/.*PublicKey = /, "", key)) sub(/\n.*/, "", key); if (!(key in gone)) print }
    ' "$1" >"$1.new"
    mv "$1.new" "$1"
}

add_peers() {
    sed -n 's/^PublicKey = //p' "$2" | drop_peers "$1"
    { cat "$1"; grep -vE 'AAAAAAAA|= off|^#' "$2"; } >"$1.new"
    mv "$1.new" "$1"
}

tool_wg() {
    local key
    case "$*" in
        pubkey)
            read -r key
            if [[ $key == yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk= ]]; then
                echo HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
            else return 1; fi
            ;;
        syncconf*) call "$@" && cp "$3" "$MACHINE/running/$2" ;;
        addconf*) call "$@" && add_peers "$MACHINE/running/$2" "$3" ;;
        set*endpoint*) call "$@" ;;
        set*remove*)
            call set "$2" remove
            printf '%s\n' "${@:3}" | drop_peers "$MACHINE/running/$2"
            ;;
        showconf*) cat "$MACHINE/running/$2" ;;
        *endpoints | *latest-handshakes)
            key=${*: -1}
            if [[ -f $MACHINE/running/$2 ]]; then cat "$MACHINE/${key#latest-}"; else return 1; fi
            ;;
        *public-key) [[ -f $MACHINE/running/$2 ]] && echo HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw= ;;
        *listen-port) sed -n 's/^ListenPort *= *//p' "$MACHINE/running/$2" ;;
        *allowed-ips) sed -n 's/^PublicKey *= *//p; s/^AllowedIPs *= *//p' "$MACHINE/running/$2" | paste - - ;;
    esac
}

tool_systemctl() {
    local quiet=false now=false words=() word unit
    for word in "$@"; do
        case $word in --quiet) quiet=true ;; --now) now=true ;; --*) ;; *) words+=("$word") ;; esac
    done
    case ${words[0]} in
        is-system-running) echo running ;;
        is-active | is-enabled | is-failed)
            for unit in "${words[@]:1}"; do
                if grep -qw "${words[0]#is-}" "$MACHINE/units/$unit" 2>/dev/null; then word=${words[0]#is-}; else word=inactive; fi
                $quiet || echo "$word"
            done
            [[ $word != inactive ]]
            ;;
        *)
            call "${words[@]}"
            for unit in "${words[@]:1}"; do change_unit "${words[0]}" "$unit" $now; done
            ;;
    esac
}

change_unit() {
    local file=$MACHINE/units/$2 interface=${2#wg-quick@}
    interface=${interface%.service}
    touch "$file"
    if [[ $1 == stop || $1 == restart || $1$3 == disabletrue ]]; then
        sed -i 's/\bactive\b//' "$file"
        if [[ $2 == wg-quick@* ]]; then quick_down "$interface"; fi
    fi
    case $1 in
        start | restart)
            if [[ $2 == wg-quick@* ]]; then quick_up "$interface" || return 1; fi
            echo active >>"$file"
            ;;
        enable) echo enabled >>"$file" ;;
        disable) sed -i 's/\benabled\b//' "$file" ;;
    esac
}

tool_nft() {
    case "$*" in
        get*) grep -q "set $5 .*[{ ]${6//[{ \}]/}[, }]" "$MACHINE/table" ;;
        "list set"*4) cat "$MACHINE/attempts" 2>/dev/null || true ;;
        *list*) [[ -s $MACHINE/table ]] && with_times <"$MACHINE/table" ;;
        --check*) if grep -q 'syntax error' "$3"; then echo "nftables.conf:1:1: Error: syntax error" >&2; return 1; fi ;;
        delete*) call "$@" && rm -f "$MACHINE/table" ;;
        *) call "$@" && cp "$2" "$MACHINE/table" ;;
    esac
}

# Seconds since 1970 as nft shows them: in the local time zone.
with_times() {
    awk 'match($0, /time >= [0-9]+/) {
        at = strftime("%Y-%m-%d %H:%M:%S", substr($0, RSTART + 8, RLENGTH - 8))
        $0 = substr($0, 1, RSTART + 7) "\"" at "\"" substr($0, RSTART + RLENGTH)
    }
    { print }'
}

tool_ip() {
    local line word
    case "$*" in
        *address*) sed 's/^/5: wg0    inet /; s/$/ scope global wg0/' "$MACHINE/addresses" ;;
        -[46]" route show") ip_of "$1" "$MACHINE/routers" ;;
        -[46]" route"*) ip_of "$1" "$MACHINE/routes" ;;
        "link delete"*)
            call "$@"
            rm -rf "$root/sys/class/net/$3" "$MACHINE/running/$3"
            ;;
        "link add"*) call "$@" && make_link "$3" ;;
        -[46]" -batch"*) while read -r _ _ word line; do if [[ $word == match ]]; then connected "$line"; fi; done ;;
        "route replace"*) call "$@" && change_routes <<<"$*" ;;
        "route get"*) if grep -q "^${3%.*}\.0/24 " "$MACHINE/routes"; then echo "$3 dev wg0"; else echo "$3 via 10.0.0.1 dev eth0"; fi ;;
        *-batch*) tee >(sed 's/^/ip /' >>"$MACHINE/calls") | change_routes ;;
    esac
}

# The routes of one family (-4, -6) in a file.
ip_of() {
    local words=-v
    if [[ $1 == -6 ]]; then words=-e; fi
    grep "$words" : "$2" 2>/dev/null || true
}

# Networks that the machine is `connected` to and that overlap another: by their first half, as this one knows them.
connected() { grep "^${1%.*.*}\." "$MACHINE/connected" 2>/dev/null || true; }

# Routes as `ip` shows them: one address without its length. Those through a router stand apart.
change_routes() {
    local verb network kind rest status=0
    touch "$MACHINE/routes"
    while read -r _ verb network kind rest; do
        network=${network%/32}
        network=${network%/128}
        network=${network/#0.0.0.0\/0/default}
        if [[ $kind == via ]]; then
            change_router "$network" ${rest/ dev eth0/} || status=2
            continue
        fi
        sed -i "\\|^$network |d" "$MACHINE/routes"
        if [[ $verb == replace ]]; then echo "$network scope link" >>"$MACHINE/routes"; fi
    done
    return "$status"
}

# A route through a router ($2), as `ip` shows it; one that is `unreachable` is refused.
change_router() {
    local network=$1 router=$2
    shift 2
    if [[ $network == *:* ]]; then set -- "${@:-metric 1024}" pref medium; fi
    if grep -qxF "$router" "$MACHINE/unreachable" 2>/dev/null; then return 2; fi
    echo "$network via $router dev eth0 $*" >>"$MACHINE/routers"
}

tool_sysctl() {
    if [[ $* != *-w* ]]; then cat "$MACHINE/sysctl/${!#}" 2>/dev/null || echo 0; return; fi
    call "$@"
    local pair=${!#}
    echo "${pair#*=}" >"$MACHINE/sysctl/${pair%%=*}"
}

tool_dpkg-query() {
    local package
    for package in $(cat "$MACHINE/packages"); do
        if [[ " $* " == *" $package "* ]]; then echo "$package 1.0 installed"; fi
    done
}

tool_apt-get() {
    local words="$*"
    grep -o 'Timeout=[0-9]*\|Retries=[0-9]*' <<<"$words" >"$MACHINE/patience"
    if [[ $words != *install\ * ]]; then call update; return; fi
    # shellcheck disable=SC2086
    call install ${words##*install }
    echo " ${words##*install }" >>"$MACHINE/packages"
}

tool_dpkg() { call "$@"; }

tool_install() {
    cp "${@: -2}"
    chmod "$2" "${!#}"
    : >"$MACHINE/owners"
}

tool_stat() {
    local only=""
    if (($# == 3)); then only=${3##*/}; fi
    /usr/bin/stat "$@" | awk -v owners="$MACHINE/owners" -v only="$only" '
        BEGIN { while ((getline line <owners) > 0) foreign[line] = 1 }
        { owner = only in foreign ? "nobody:nogroup" : "root:root" }
        { for (i = 1; i <= NF; i++) { name = $i; sub(/.*\//, "", name); if (name in foreign) owner = "nobody:nogroup" } }
        { sub(/[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*/, owner); print }
    '
}

# The names that resolve stand in `hosts`, each with its address.
tool_getent() { sed -n "s/^${!#} \(.*\)/\1 STREAM ${!#}/p" "$MACHINE/hosts" | grep .; }

tool_systemd-cat() { cat >>"$MACHINE/journal"; }

tool_journalctl() { printf '%s\n' "[#] ip link add" "Line unrecognized: 'Bogus'"; }

"tool_$tool" "$@"
