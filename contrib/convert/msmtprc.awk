# msmtprc.awk: from msmtp's configuration, as of its version 1.8.
#
# Lines are kept as they are read: of an account what it sets itself or has from the accounts it
# is made of, and the defaults as they were when it began. At the end each account is translated
# as a whole, since one setting of ours may come of several.

BEGIN {
    # commands of msmtp
    commands("host port user password passwordeval auth tls tls_starttls tls_trust_file")
    commands("tls_crl_file tls_fingerprint tls_key_file tls_cert_file tls_certcheck")
    commands("tls_priorities tls_host_override tls_min_dh_prime_bits timeout protocol domain")
    commands("from allow_from_override set_from_header set_date_header set_msgid_header")
    commands("remove_bcc_headers undisclosed_recipients dsn_notify dsn_return logfile")
    commands("logfile_time_format syslog aliases proxy_host proxy_port source_ip socket")
    commands("from_full_name auto_from maildomain ntlmdomain connect_timeout")
    commands("add_missing_from_header add_missing_date_header keepbcc tls_nocertcheck")
    commands("tls_nostarttls defaults account eval")
    # end of the commands
    current = ""
}

function commands(names,    n, words) {
    for (n = split(names, words, " "); n; n--)
        is_command[words[n]] = 1
}

# ---- reading ----

{
    line = trimmed($0)
    if (line == "" || line ~ /^#/)
        next
    command = line
    sub(/[ \t].*/, "", command)
    argument = unquoted(trimmed(substr(line, length(command) + 1)))
    if (!(command in is_command))
        note(place(NR, command), "msmtp has no such command; left out")
    else if (command == "eval")
        note(place(NR, command), "commands are not run; put what it prints in its place")
    else if (command == "defaults")
        current = ""
    else if (command == "account")
        begin_account(argument)
    else
        keep(command, argument)
}

# Without escapes: quotes inside are themselves.
function unquoted(text) {
    return text ~ /^".*"$/ && length(text) > 1 ? substr(text, 2, length(text) - 2) : text
}

# account NAME [: ACCOUNT[, ACCOUNT]...]
function begin_account(argument,    colon, parents, n, i, parent) {
    colon = index(argument, ":")
    current = unquoted(trimmed(colon ? substr(argument, 1, colon - 1) : argument))
    if (current == "" || current in line_of_account)
        note(place(NR, "account"), "an account without a name, or a second one of this name; " \
            "msmtp refuses the file")
    if (!(current in line_of_account))
        names[++name_count] = current
    line_of_account[current] = NR
    inherit("", current, "default")
    n = colon ? split(substr(argument, colon + 1), parents, ",") : 0
    for (i = 1; i <= n; i++) {
        parent = unquoted(trimmed(parents[i]))
        if (parent in line_of_account)
            inherit(parent, current, "own")
        else
            note(place(NR, "account"), "it is made of an account that is not there (yet)")
    }
}

# What FROM has of its own is TO's, as KIND.
function inherit(from, to, kind,    name) {
    for (name in is_command) {
        if (("own", from, name) in raw) {
            raw[kind, to, name] = raw["own", from, name]
            line_of[kind, to, name] = line_of["own", from, name]
        }
    }
}

# Old commands are kept as those that replaced them.
function keep(command, argument,    off) {
    off = argument == "off"
    if (command == "tls_nocertcheck" || command == "tls_nostarttls") {
        sub(/_no/, "_", command)
        argument = "off"
    } else if (command == "keepbcc") {
        command = "remove_bcc_headers"
        argument = off ? "on" : "off"
    } else if (command ~ /^add_missing_/) {
        sub(/^add_missing_/, "set_", command)
        argument = off ? "off" : "auto"
    }
    raw["own", current, command] = argument
    line_of["own", current, command] = NR
}

# ---- one account ----

# The command's argument in the account in hand, or "".
function get(command) {
    return (("own", name, command) in raw) ? raw["own", name, command] : \
        raw["default", name, command]
}

function given(command) {
    return ("own", name, command) in raw || ("default", name, command) in raw
}

# A switch without an argument is on.
function on(command, otherwise) {
    return given(command) ? get(command) != "off" : otherwise
}

function spot(command) {
    if (("own", name, command) in raw)
        return place(line_of["own", name, command], command)
    return place(line_of["default", name, command], command)
}

function carry(command, key) {
    if (get(command) != "")
        set(target, key, get(command))
}

function carry_path(command, key) {
    if (get(command) ~ /^~/)
        note(spot(command), "the path is written out for this user's home")
    if (get(command) != "")
        set(target, key, path(get(command)))
}

function lost(command, text) {
    if (get(command) != "")
        note(spot(command), text)
}

function seconds(command, key) {
    # Nought is no limit to msmtp, and no time at all to smtpsend.
    if (get(command) ~ /^0+$/)
        return
    if (get(command) ~ /^[0-9]+$/)
        set(target, key, get(command) "s")
    else if (get(command) != "" && get(command) != "off")
        note(spot(command), "not a number of seconds; left out")
}

function translate() {
    server()
    tls()
    authentication()
    sender()
    message()
    seconds("timeout", "connect-timeout")
    seconds("timeout", "timeout")
    seconds("connect_timeout", "connect-timeout")
    reports()
}

function server(    lmtp, port, host) {
    lmtp = get("protocol") == "lmtp"
    if (get("socket") != "") {
        if (lmtp)
            lmtp_server("lmtp+unix:" path(get("socket")))
        else
            set(target, "server", "unix:" path(get("socket")))
        return
    }
    host = get("host")
    port = get("port")
    if (host == "") {
        note(place(line_of_account[name], "account"), "it has no host, which msmtp " \
            "refuses; until 'server' is set its mail goes to localhost")
        return
    }
    if (lmtp) {
        lmtp_server("lmtp://" (host ~ /:/ ? "[" host "]" : host) (port == "" ? "" : ":" port))
        return
    }
    set_fit(target, "server", host, spot("host"))
    set_fit(target, "port", port != "" ? port : \
        on("tls") && !on("tls_starttls", 1) ? 465 : 25, spot("port"))
}

function lmtp_server(url) {
    set_later(target, "server", url, spot("protocol"))
    note(spot("protocol"), "until then mail goes to localhost by SMTP, NOT to this server")
}

function tls() {
    if (!on("tls")) {
        without_tls(target, spot(given("tls") ? "tls" : "host"))
        return
    }
    set(target, "tls", on("tls_starttls", 1) ? "required" : "implicit")
    if (!on("tls_certcheck", 1))
        set(target, "tls-insecure", "yes")
    else
        trust()
    carry_path("tls_crl_file", "tls-crl")
    carry_path("tls_cert_file", "tls-cert")
    carry_path("tls_key_file", "tls-key")
    # A socket has no name that could be verified.
    if (get("socket") != "")
        carry("host", "tls-name")
    carry("tls_host_override", "tls-name")
    if (get("tls_priorities") ~ /(PROTOCOLS|CIPHERS|ECDHECURVES)=/)
        note(spot("tls_priorities"), "this is for libtls; see tls-priority for GnuTLS")
    else
        carry("tls_priorities", "tls-priority")
    lost("tls_min_dh_prime_bits", "left out; tls-priority has profiles, like %PROFILE_MEDIUM")
}

function trust() {
    lost("tls_fingerprint", "it is of the certificate, and smtpsend pins the key: set " \
        "tls-pin to 'sha256:' and the SHA-256 of the server's public key, or tls-ca to a " \
        "file with its certificate; until then the system's authorities decide")
    if (given("tls_trust_file") && get("tls_trust_file") == "") {
        if (get("tls_fingerprint") == "")
            note(spot("tls_trust_file"), "smtpsend trusts the system's authorities then")
    } else if (get("tls_trust_file") != "system")
        carry_path("tls_trust_file", "tls-ca")
}

function authentication(    method, secret) {
    method = on("auth") ? tolower(get("auth")) : "off"
    if (method == "off") {
        lost("user", "left out, as msmtp makes no use of it while auth is off")
        lost("password", "left out, as msmtp makes no use of it while auth is off")
        lost("passwordeval", "left out, as msmtp makes no use of it while auth is off")
        return
    }
    carry("user", "user")
    if (method in mechanism)
        set_auth(target, mechanism[method], spot("auth"))
    else {
        if (method !~ /^(on|auto)?$/)
            note(spot("auth"), "smtpsend does not have this method; the strongest is taken")
        set_auth(target, on("tls") ? "auto" : "SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5", \
            spot("auth"))
    }
    lost("ntlmdomain", "NTLM is not there")
    if (!on("tls"))
        allow_cleartext(target, spot("auth"))
    if (method ~ /^(oauthbearer|xoauth2)$/)
        token()
    else if (method !~ /^(external|gssapi)$/)
        password()
}

function token() {
    carry("passwordeval", "token-command")
    lost("password", "tokens do not last: left out; set token-command or token-file")
}

# How near to the account the command is: its own, of an account it is made of, a default.
function nearness(command) {
    if (!(("own", name, command) in raw))
        return 0
    return line_of["own", name, command] > line_of_account[name] ? 2 : 1
}

function password() {
    if (get("password") != "" && get("passwordeval") != "" && \
        nearness("passwordeval") > nearness("password")) {
        note(spot("passwordeval"), "taken in place of the password from another part")
        set(target, "password-command", get("passwordeval"))
    } else if (get("password") != "") {
        lost("passwordeval", "left out, as there is a password")
        set(target, "password", get("password"))
    } else if (get("passwordeval") != "")
        set(target, "password-command", get("passwordeval"))
    else
        note(spot("auth"), "there is no password: msmtp asks the key ring and netrc, " \
            "smtpsend the terminal; for the key ring set password-command = secret-tool " \
            "lookup host HOST service smtp user USER, for netrc set netrc = FILE")
}

# TEXT with what msmtp replaces in COMMAND's argument as smtpsend has it, or "" where that
# can't be.
function replaced(command, text) {
    if (text ~ /%M/) {
        note(spot(command), "%M (/etc/mailname) can't be carried over: left out; smtpsend's " \
            "default sender is user@/etc/mailname")
        return ""
    }
    if (text ~ /%C/)
        note(spot(command), "%C (canonical name) became %H (host name)")
    gsub(/%C/, "%H", text)
    gsub(/%/, "%%", text)
    gsub(/%%H/, "%H", text)
    gsub(/%%U/, "%U", text)
    return text
}

function sender(    from, at) {
    from = get("from")
    if (on("auto_from")) {
        if (get("maildomain") == "")
            note(spot("auto_from"), "left out; smtpsend's default sender has the domain of " \
                "'domain'")
        from = get("maildomain") == "" ? "" : "%U@" get("maildomain")
    }
    if (from ~ /[*?[]/)
        set(target, "match-from", from)
    else if (from != "" && from != "%U@%M") {
        from = replaced("from", from)
        if (from != "")
            set_fit(target, "from", from, spot(on("auto_from") ? "maildomain" : "from"))
        at = index(from, "@")
        if (from !~ /%/ && at && is_set(target, "from"))
            set(target, "match-from", from ", " substr(from, 1, at - 1) "+*" substr(from, at))
    }
    if (get("domain") != "" && replaced("domain", get("domain")) != "")
        set_fit(target, "helo", replaced("domain", get("domain")), spot("domain"))
    if (!on("allow_from_override", 1))
        note(spot("allow_from_override"), "left out: a caller's -f always counts")
}

function message(    off) {
    if (on("set_from_header") && get("set_from_header") != "auto") {
        if (is_set(target, "from"))
            set(target, "set-from", "yes")
        else
            note(spot("set_from_header"), "left out: set-from needs a 'from' without wildcards")
    }
    off = !on("set_from_header", 1) + !on("set_date_header", 1) + !on("set_msgid_header", 1)
    if (off == 3)
        set(target, "add-headers", "no")
    else {
        keeps_adding("set_from_header")
        keeps_adding("set_date_header")
        keeps_adding("set_msgid_header")
    }
    if (!on("remove_bcc_headers", 1))
        note(spot("remove_bcc_headers"), "left out: Bcc never leaves")
    if (on("undisclosed_recipients"))
        set(target, "undisclosed", "yes")
    carry_path("aliases", "aliases")
    lost("from_full_name", "left out: callers give it by -F")
    if (get("dsn_notify") != "off")
        lost("dsn_notify", "left out: callers give it by -N")
    if (get("dsn_return") != "off")
        lost("dsn_return", "left out: callers give it by -R hdrs or -R full")
}

function keeps_adding(command) {
    if (!on(command, 1))
        note(spot(command), "left out: add-headers = no is for From, Date and Message-ID " \
            "at once")
}

function reports(    facility) {
    if (get("logfile") == "-")
        note(spot("logfile"), "left out: smtpsend logs to files only")
    else if (get("logfile") != "")
        set_later(target, "log", path(get("logfile")), spot("logfile"))
    lost("logfile_time_format", "left out: the format can't be chosen")
    if (on("syslog")) {
        facility = tolower(get("syslog"))
        sub(/^log_/, "", facility)
        set_later(target, "syslog", facility ~ /^(on)?$/ ? "user" : facility, spot("syslog"))
    }
    if (get("proxy_host") != "") {
        set_later(target, "proxy", "socks5h://" get("proxy_host") ":" \
            (get("proxy_port") == "" ? 1080 : get("proxy_port")), spot("proxy_host"))
        note(spot("proxy_host"), "until then connections are made directly, WITHOUT the proxy")
    }
    if (get("source_ip") != "")
        set_later(target, "source", get("source_ip"), spot("source_ip"))
}

# ---- all of them ----

# The account that has the same settings as that for which there is no need to ask.
function twin_of(target,    i, j, key, other, same) {
    for (i = 1; i <= account_count; i++) {
        other = account_at[i]
        same = other != target && key_count[other] == key_count[target]
        for (j = 1; same && j <= key_count[target]; j++) {
            key = key_at[target, j]
            same = is_set(other, key) && value_of[other, key] == value_of[target, key]
        }
        if (same)
            return other
    }
    return ""
}

# Moves the account to the end of the list, or out of it.
function move_last(target, out,    i, n) {
    for (i = 1; i <= account_count; i++) {
        if (account_at[i] != target)
            account_at[++n] = account_at[i]
    }
    if (!out)
        account_at[++n] = target
    account_count = n
}

# msmtp's account "default" takes what fits no other; so does our last one with the pattern '*'.
function choose_default(    chosen, twin) {
    chosen = ("default" in line_of_account) ? target_of["default"] : ""
    if (chosen != "" && (twin = twin_of(chosen)) != "") {
        move_last(chosen, 1)
        chosen = twin
    }
    if (chosen == "")
        note(file_name(), "there is no account 'default': " (account_count == 1 ? \
            "all mail goes by the one there is" : \
            "mail that fits no match-from goes to localhost"))
    else {
        move_last(chosen, 0)
        set(chosen, "match-from", "*")
    }
    if (account_count == 1)
        unset(account_at[1], "match-from")
}

# What holds for one server: in the general part it would hold for a server that is named on the
# command line, too, "tls = off" above all.
function is_of_server(key) {
    return key ~ /^#?(server|port|user|auth|allow-cleartext-auth|tls|tls-.*)$/ || \
        key ~ /^(password|token)(-command)?$/
}

# What all accounts have in common goes to the general part; so does all that the only one has.
function hoist(    i, j, n, key, first, alike) {
    first = account_at[1]
    n = key_count[first]
    for (i = 1; i <= n; i++) {
        key = key_at[first, i]
        alike = is_set(first, key) && (account_count == 1 || !is_of_server(key))
        for (j = 2; alike && j <= account_count; j++)
            alike = is_set(account_at[j], key) && \
                value_of[account_at[j], key] == value_of[first, key]
        if (!alike)
            continue
        set("", key, value_of[first, key])
        for (j = 1; j <= account_count; j++)
            unset(account_at[j], key)
    }
    if (account_count == 1 && first == "default")
        account_count = 0
}

END {
    if (!name_count)
        refuse(file_name(), "there is no account in it")
    for (i = 1; i <= name_count; i++) {
        name = names[i]
        target = target_of[name] = new_account(name, place(line_of_account[name], "account"))
        translate()
    }
    choose_default()
    hoist()
    write_config("msmtp")
}
