# Prints a journal line for each peer added, removed, rotated or changed between two versions.
# Use: awk -f changes.awk OLD/peers.tsv NEW/peers.tsv OLD-CANONICAL NEW-CANONICAL
# The canonical forms (of runtime.conf) hold secrets: they are compared, never printed.

BEGIN { FS = "\t" }

function value(name,    i) {
    for (i = 2; i <= NF; i++)
        if (index($i, name "=") == 1)
            return substr($i, length(name) + 2)
    return ""
}

FILENAME == ARGV[1] { key[$1] = $2; print_of[$1] = $3; next }
FILENAME == ARGV[2] {
    now[$1] = 1
    if (!($1 in key))
        print "<5>peer added: " $1 " " $3
    else if (key[$1] != $2)
        print "<5>peer rotated: " $1 " " $3 " (was " print_of[$1] ")"
    else
        name[$2] = $1 " " $3
    next
}
$1 != "peer" { next }
FILENAME == ARGV[3] { before[value("publickey")] = $0; secret[value("publickey")] = value("presharedkey"); next }
{
    id = value("publickey")
    if (!(id in name) || !(id in before) || before[id] == $0)
        next
    what = secret[id] != value("presharedkey") ? "preshared key of peer rotated: " : "peer changed: "
    print "<5>" what name[id]
}

END {
    for (one in key)
        if (!(one in now))
            print "<5>peer removed: " one " " print_of[one]
}
