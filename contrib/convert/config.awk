# config.awk: the smtpsend.conf that a conversion makes, and what it has to say about it.
#
# Rules for a kind of file come after this one. They call set and new_account as they go, note
# for what can't be carried over, and write_config at the end.

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

# WHERE is FILE:LINE: KEY, as place makes it. Values are never shown: they may be secrets. Each
# note comes once.
function note(where, text) {
    text = where ": " text
    gsub(/[\001-\037\177]/, "?", text)
    if (!(text in noted))
        print text >"/dev/stderr"
    noted[text] = 1
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
}
