# config.awk: the smtpsend.conf that a conversion makes, and what it has to say about it.
#
# Rules for a kind of file come after this one. They call set and new_account as they go, note
# for what can't be carried over, and write_config or refuse at the end.

# One setting of an account, or of the general part (""); a later value replaces an earlier one.
# A key that begins with '#' is written as a comment.
function set(account, key, value) {
    if (!((account, key) in place_of)) {
        key_at[account, ++key_count[account]] = key
        place_of[account, key] = key_count[account]
    }
    value_of[account, key] = value
}

function is_set(account, key) {
    return (account, key) in value_of
}

function unset(account, key) {
    delete value_of[account, key]
}

# A setting whose value smtpsend may refuse, and with it the whole file: left out then.
function set_fit(account, key, value, where) {
    if (fits(key, value))
        set(account, key, value)
    else if (key == "server")
        note(where, "left out: this can't be a host; until 'server' is set mail goes to " \
            (is_set("", "server") ? "the server that is set for all" : "localhost"))
    else
        note(where, "left out: " (key ~ /^(from|postmaster)$/ ? "not one address" : \
            key == "port" ? "this can't be a port" : "this can't be a domain"))
}

# A setting that smtpsend has in a later version.
function set_later(account, key, value, where) {
    set(account, "#" key, value)
    note(where, "'" key "' comes with a later version of smtpsend; it is there as a comment")
}

# The name by which an account can be written in a heading; each call makes another one.
function new_account(name, where,    plain, n) {
    plain = name
    gsub(/[^A-Za-z0-9._@+\200-\377-]/, "-", plain)
    for (n = 1; (plain (n > 1 ? "-" n : "")) in account_known; n++)
        continue
    plain = plain (n > 1 ? "-" n : "")
    if (plain != name)
        note(where, "the account is '" plain "' now; change '-a' in scripts")
    account_known[plain] = 1
    account_at[++account_count] = plain
    return plain
}

# WHERE is FILE:LINE: KEY, as place makes it, or FILE. Values are never shown: they may be
# secrets. Each note comes once, in the order of the lines; what is about a file comes after.
function note(where, text,    order, i) {
    text = where ": " text
    gsub(/[\001-\037\177]/, "?", text)
    if (text in noted)
        return
    noted[text] = 1
    order = order_of(where)
    for (i = ++note_count; i > 1 && note_order[i - 1] > order; i--) {
        note_order[i] = note_order[i - 1]
        note_at[i] = note_at[i - 1]
    }
    note_order[i] = order
    note_at[i] = text
}

# Files in the order in which they are first spoken of, then lines.
function order_of(where,    lines, file, line) {
    lines = 10000000
    file = where
    line = lines - 1
    if (match(where, /:[0-9]+(: |$)/)) {
        file = substr(where, 1, RSTART - 1)
        line = substr(where, RSTART + 1) + 0
    } else if (where ~ /^argument [0-9]/) {
        file = "arguments"
        line = substr(where, length("argument ") + 1) + 0
    }
    if (!(file in file_order))
        file_order[file] = ++file_count
    return file_order[file] * lines + line
}

function write_notes(    i) {
    for (i = 1; i <= note_count; i++)
        print note_at[i] >"/dev/stderr"
}

# There is nothing to make a configuration of. An empty one would send all mail to localhost.
function refuse(where, text) {
    note(where, text "; no configuration is made")
    write_notes()
    exit 65
}

# Which mechanisms to take: auto, or a list. Without what they need smtpsend would refuse them.
function set_auth(account, list, where) {
    if (list == "EXTERNAL" && !is_set(account, "tls-cert"))
        note(where, "left out: there is no certificate; set tls-cert and tls-key too")
    else if (list != "auto" && list !~ /EXTERNAL/ && !is_set(account, "user"))
        note(where, "left out: there is no user; set that too")
    else
        set(account, "auth", list)
}

# The program that is left behind has no TLS, and so will smtpsend.
function without_tls(account, where) {
    set(account, "tls", "off")
    if (is_set(account, "server") && \
        value_of[account, "server"] !~ /^(localhost|127\..*|::1|unix:.*)$/)
        note(where, "there is no TLS, and there will be none; set tls = required if the " \
            "server has STARTTLS")
}

# It authenticates so, too.
function allow_cleartext(account, where) {
    set(account, "allow-cleartext-auth", "yes")
    note(where, "without TLS others can read or replace what is sent; set tls = required if " \
        "the server has STARTTLS, and remove allow-cleartext-auth")
}

function place(line, key) {
    return file_name() ":" line ": " substr(key, 1, 60)
}

function file_name(    name) {
    name = FILENAME
    sub(/^\.\//, "", name)
    return name ~ /^-?$/ ? "standard input" : name
}

# ---- what smtpsend takes ----

function fits(key, value) {
    if (key == "server")
        return is_host(value)
    if (key == "port")
        return value ~ /^[A-Za-z][A-Za-z0-9-]*$/ || \
            (value ~ /^[0-9]+$/ && value + 0 > 0 && value + 0 < 65536)
    if (key == "domain")
        return is_domain(value, 1)
    gsub(/%[HU]/, "x", value)
    if (key == "helo")
        return is_domain(value) || is_literal(value)
    gsub(/%%/, "%", value)
    return is_address(value)
}

# A name or an address, without a port.
function is_host(text) {
    if (text ~ /^\[.*\]$/)
        return is_ipv6(substr(text, 2, length(text) - 2))
    if (text ~ /:/) {
        sub(/%[0-9A-Za-z._-]+$/, "", text)
        return is_ipv6(text)
    }
    return text ~ /^[0-9A-Za-z_\200-\377][0-9A-Za-z._\200-\377-]*$/ && length(text) < 256
}

function is_domain(text, utf8,    n, label) {
    if (utf8)
        gsub(/[\200-\377]/, "x", text)
    if (text == "" || length(text) > 253)
        return 0
    for (n = split(text, label, "."); n; n--) {
        if (label[n] !~ /^[0-9A-Za-z-]+$/ || label[n] ~ /^-|-$/ || length(label[n]) > 63)
            return 0
    }
    return 1
}

function is_ipv4(text,    n, part) {
    if (split(text, part, ".") != 4)
        return 0
    for (n = 4; n; n--) {
        if (part[n] !~ /^[0-9]+$/ || length(part[n]) > 3 || part[n] + 0 > 255)
            return 0
    }
    return 1
}

function is_ipv6(text,    n, i, group, shortened) {
    if (text !~ /^[0-9A-Fa-f:.]+$/ || text !~ /:/ || text ~ /:::|::.*::/)
        return 0
    if (text ~ /\./ && match(text, /:[^:]*$/)) {
        if (!is_ipv4(substr(text, RSTART + 1)))
            return 0
        text = substr(text, 1, RSTART) "0:0"
    }
    shortened = sub(/::/, ":x:", text)
    sub(/^:x/, "x", text)
    sub(/x:$/, "x", text)
    n = split(text, group, ":")
    for (i = 1; i <= n; i++) {
        if (group[i] !~ /^([0-9A-Fa-f]+|x)$/ || length(group[i]) > 4)
            return 0
    }
    return shortened ? n <= 8 : n == 8
}

# An address in the brackets of RFC 5321, section 4.1.3.
function is_literal(text) {
    if (text !~ /^\[.*\]$/)
        return 0
    text = tolower(substr(text, 2, length(text) - 2))
    return sub(/^ipv6:/, "", text) ? is_ipv6(text) : is_ipv4(text)
}

# One address, or the part of it before the "@", to which smtpsend adds the domain.
function is_address(text,    at, domain) {
    if (match(text, /@[^@]*$/)) {
        at = RSTART
        domain = substr(text, at + 1)
        gsub(/_/, "x", domain)
        if (!is_domain(domain, 1) && !is_literal(domain))
            return 0
        text = substr(text, 1, at - 1)
    }
    return text ~ /^"[^"\\]*"$/ || \
        (text ~ /^[^][ \t,;:<>()@"\\]+$/ && text !~ /^\.|\.\.|\.$/)
}

# ---- reading ----

function trimmed(text) {
    sub(/^[ \t\r\f\v]+/, "", text)
    sub(/[ \t\r\f\v]+$/, "", text)
    return text
}

# Files are opened from anywhere, and without a shell to put the home in place of "~".
function path(text) {
    return text ~ /^~(\/.*)?$/ ? ENVIRON["HOME"] substr(text, 2) : text
}

# In from and helo, % is special; there is nothing else to replace in what other programs have.
function literal(text) {
    gsub(/%/, "%%", text)
    return text
}

# Splits TEXT into WORDS as a shell does, but for what it replaces: a command in backquotes
# stays as it is, and its word is in has_command then. A comment ends it all.
function split_words(text, words,    n, i, c, quote, open) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "#" && !open)
            break
        if (quote == "" && (c == " " || c == "\t")) {
            open = 0
            continue
        }
        if (!open) {
            words[++n] = ""
            delete has_command[n]
        }
        open = 1
        if (c == quote)
            quote = ""
        else if (quote == "" && (c == "\"" || c == "'"))
            quote = c
        else if (c == "\\" && quote != "'" && i < length(text))
            words[n] = words[n] substr(text, ++i, 1)
        else {
            words[n] = words[n] c
            if (c == "`" && quote != "'")
                i = copy_command(text, i, words, n)
        }
    }
    return n + 0
}

# The command in backquotes that begins at I, with blanks and quotes; returns where it ends.
function copy_command(text, i, words, n,    end) {
    end = index(substr(text, i + 1), "`")
    end = end ? i + end : length(text)
    words[n] = words[n] substr(text, i + 1, end - i)
    has_command[n] = 1
    return end
}

# What would be a control character stays as it is: it must not end a line of ours.
function percent_decoded(text,    out, at, code) {
    while ((at = index(text, "%"))) {
        code = (index(hex, tolower(substr(text, at + 1, 1))) - 1) * 16 + \
            index(hex, tolower(substr(text, at + 2, 1))) - 1
        if (substr(text, at + 1, 2) ~ /^[0-9A-Fa-f][0-9A-Fa-f]$/ && code > 31) {
            out = out substr(text, 1, at - 1) sprintf("%c", code)
            text = substr(text, at + 3)
        } else {
            out = out substr(text, 1, at)
            text = substr(text, at + 1)
        }
    }
    return out text
}

BEGIN {
    hex = "0123456789abcdef"
    for (n = split("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS " \
        "SCRAM-SHA-256-PLUS GSSAPI EXTERNAL OAUTHBEARER XOAUTH2", words, " "); n; n--)
        mechanism[tolower(words[n])] = words[n]
}

# ---- writing ----

function quoted(value) {
    if (value !~ /^[ \t\r"#;]|[ \t\r]$/ && value != "")
        return value
    gsub(/[\\"]/, "\\\\&", value)
    return "\"" value "\""
}

function write_part(account,    i, key, n) {
    for (i = 1; i <= key_count[account]; i++) {
        key = key_at[account, i]
        if (!is_set(account, key))
            continue
        n++
        print key " = " quoted(value_of[account, key])
        if (key == "password")
            has_password = 1
    }
    if (account != "" && !n)
        print "# nothing of its own"
}

function write_config(program,    i) {
    print "# Made from the configuration of " program "; see smtpsend.conf(5)."
    write_part("")
    for (i = 1; i <= account_count; i++) {
        print "\n[account " account_at[i] "]"
        write_part(account_at[i])
    }
    if (has_password)
        note("to-smtpsend", "there is a password in this configuration: the file must be its " \
            "owner's alone (chmod 600), else smtpsend refuses it; better put the password " \
            "elsewhere, by password-file or password-command")
    write_notes()
}
