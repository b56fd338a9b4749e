# Prints what a WireGuard configuration means, one line for each section (README.md tells the form).
# Use: LC_ALL=C mawk -f canonical.awk FILE | LC_ALL=C sort

function trim(text) {
    gsub(/^[ \t\r]+|[ \t\r]+$/, "", text)
    return text
}

function sort_bytes(items, count,    i, j, item) {
    for (i = 2; i <= count; i++) {
        item = items[i]
        for (j = i - 1; j > 0 && (items[j] "") > (item ""); j--)
            items[j + 1] = items[j]
        items[j + 1] = item
    }
}

function with_length(name, item) {
    if (name == "dns" || item ~ /\//)
        return item
    return item (item ~ /:/ ? "/128" : "/32")
}

function list(name, value,    items, kept, count, i, n, item, text) {
    count = split(tolower(value), items, ",")
    for (i = 1; i <= count; i++) {
        item = trim(items[i])
        if (item != "" && !(name == "address" && item ~ /^fe[89ab][0-9a-f]:/))
            kept[++n] = with_length(name, item)
    }
    sort_bytes(kept, n)
    for (i = 1; i <= n; i++)
        if (i == 1 || kept[i] != kept[i - 1] "") # as text: to mawk 0 is 0x0
            text = text (text == "" ? "" : ",") kept[i]
    return text
}

function field(name, value) {
    if (name == "address" || name == "dns" || name == "allowedips") {
        value = list(name, value)
        return value == "" ? "" : "\t" name "=" value
    }
    if (name == "endpoint")
        return ""
    if ((name == "persistentkeepalive" || name == "fwmark") && tolower(value) ~ /^(0|off)?$/)
        return ""
    return "\t" name "=" value
}

function finish(    i, line) {
    if (section != "") {
        sort_bytes(names, count)
        line = section
        for (i = 1; i <= count; i++)
            line = line field(names[i], values[names[i]])
        print line
    }
    for (i = 1; i <= count; i++)
        delete values[names[i]]
    count = 0
}

function add(name, value) {
    if (!(name in values)) {
        names[++count] = name
        values[name] = value
    } else if (name == "address" || name == "dns" || name == "allowedips")
        values[name] = values[name] "," value
    else
        values[name] = values[name] "\037" value
}

{
    sub(/#.*/, "")
    line = trim($0)
}

line ~ /^\[.*\]$/ {
    finish()
    section = tolower(trim(substr(line, 2, length(line) - 2)))
    next
}

section != "" && (at = index(line, "=")) {
    add(tolower(trim(substr(line, 1, at - 1))), trim(substr(line, at + 1)))
}

END { finish() }
