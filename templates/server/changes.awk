# Prints a journal line for each peer added, removed or rotated between two lists of peers.
# Use: awk -f changes.awk OLD NEW

BEGIN { FS = "\t" }
FILENAME == ARGV[1] { key[$1] = $2; print_of[$1] = $3; next }
{ now[$1] = 1 }
!($1 in key) { print "<5>peer added: " $1 " " $3; next }
key[$1] != $2 { print "<5>peer rotated: " $1 " " $3 " (was " print_of[$1] ")" }
END {
    for (name in key)
        if (!(name in now))
            print "<5>peer removed: " name " " print_of[name]
}
