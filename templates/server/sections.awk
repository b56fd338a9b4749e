# Prints from a configuration the [Peer] sections whose public keys are listed, for `wg addconf`: with every
# value said, so that one that is gone is taken away too.
# Use: awk -v keys=FILE -f sections.awk CONFIGURATION

BEGIN {
    none = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    while ((getline line <keys) > 0)
        wanted[line] = 1
}

function finish() {
    if (key in wanted)
        print section (psk ? "" : "PresharedKey = " none "\n") (keepalive ? "" : "PersistentKeepalive = off\n")
    section = key = ""
    psk = keepalive = 0
}

/^\[/ { finish(); section = $0 "\n"; next }
section == "" || !/=/ { next }
{ section = section $0 "\n" }
/^PublicKey *=/ { key = $0; sub(/^[^=]*= */, "", key) }
/^PresharedKey *=/ { psk = 1 }
/^PersistentKeepalive *=/ { keepalive = 1 }
END { finish() }
