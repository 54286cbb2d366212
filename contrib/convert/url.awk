# url.awk: from URLs of servers and from the "set" lines of .mailrc (s-nail) and .muttrc (mutt,
# neomutt). Whatever else such files have is passed over: it is not about sending.
#
# With arguments=1 before it, standard input has the arguments, one a line.

BEGIN {
    # variables that are carried over
    variables("mta smtp smtp_url smtp_user smtp_pass smtp-auth-user smtp-auth-password user")
    variables("password smtp-auth smtp_authenticators smtp_oauth_refresh_command netrc-lookup")
    variables("smtp-use-starttls ssl_force_tls tls-verify ssl-verify tls-ca-file")
    variables("ssl-ca-file ssl_ca_certificates_file ssl_client_cert from envelope_from_address")
    variables("hostname socket-connect-timeout connect_timeout socks-proxy mta-aliases")
    # variables that can't be
    hint["smtp-hostname"] = "see 'from' and 'helo'"
    hint["tls-ca-dir"] = hint["ssl-ca-dir"] = "tls-ca takes a file, with all certificates in it"
    hint["tls-config-pairs"] = "see tls-cert, tls-key, tls-min and tls-priority"
    hint["certificate_file"] = "set tls-ca to a file with the certificates of this server alone"
    hint["ssl_verify_host"] = hint["ssl_verify_dates"] = "smtpsend checks name and dates"
    hint["tunnel"] = "a command as the connection comes with a later version"
    hint["dsn_notify"] = "callers give it by -N"
    hint["dsn_return"] = "callers give it by -R hdrs or -R full"
    # end of the variables
    # s-nail looks for NAME-USER@HOST and NAME-HOST before NAME.
    chain = "^(smtp-auth-user|smtp-auth-password|smtp-auth|smtp-use-starttls|user|password|" \
        "netrc-lookup|tls-verify|ssl-verify|socks-proxy)-."
    part = ""
}

function variables(names,    n, words) {
    for (n = split(names, words, " "); n; n--)
        is_variable[words[n]] = 1
}

# ---- reading ----

{
    sub(/\r$/, "")
    line = begun $0
    if (sub(/\\$/, "", line)) {
        begun = line
        next
    }
    begun = ""
    read_line(trimmed(line))
}

function spot(name) {
    return arguments ? "argument " FNR ": " substr(name, 1, 60) : place(FNR, name)
}

function read_line(line,    words, n, i) {
    if (line ~ /^[A-Za-z]+:\/\/[^ \t]+$/ || (arguments && line ~ /^[^ \t=]+$/))
        keep("url", line)
    else if (line ~ /^account[ \t]+[^ \t]+[ \t]*\{$/) {
        split_words(line, words)
        part = new_account(words[2], spot("account"))
    } else if (line == "}")
        part = ""
    else if (line ~ /^(source|source_if)[ \t]/)
        note(spot("source"), "the other file is not read; convert it too")
    else if (line ~ /^((local|wysh|global)[ \t]+)*set[ \t]/) {
        sub(/^((local|wysh|global)[ \t]+)*set[ \t]+/, "", line)
        sub(/[ \t]*=[ \t]*/, "=", line)
        n = split_words(line, words)
        for (i = 1; i <= n; i++)
            assign(words[i], i in has_command)
    } else if (arguments)
        assign(line, 0)
}

# NAME, noNAME or NAME=VALUE.
function assign(word, command,    name, text) {
    name = word
    sub(/=.*/, "", name)
    text = name == word ? "yes" : substr(word, length(name) + 2)
    if (name == word && !(name in is_variable) && sub(/^no/, "", name))
        text = "no"
    if (name in hint)
        note(spot(name), "left out; " hint[name])
    else if ((name in is_variable) || name ~ chain) {
        if (text ~ /\$(my_|\{)/)
            note(spot(name), "left out: variables in it are not looked up")
        else if (command && !(name ~ /pass/ && text ~ /^`[^`]*`$/))
            note(spot(name), "left out: commands are not run")
        else if (command)
            keep(name, text, substr(text, 2, length(text) - 2))
        else
            keep(name, text)
    }
}

# COMMAND is what prints the text, or "".
function keep(name, text, command) {
    raw[part, name] = text
    command_of[part, name] = command
    line_of[part, name] = spot(name)
}

# ---- one account ----
#
# It is written as TARGET; its variables are those of SOURCE, and what is set for all.

function has(name) {
    return ((source, name) in raw) || (("", name) in raw)
}

function get(name) {
    return ((source, name) in raw) ? raw[source, name] : has(name) ? raw["", name] : ""
}

function command_for(name) {
    return ((source, name) in raw) ? command_of[source, name] : command_of["", name]
}

function where_is(name) {
    return ((source, name) in raw) ? line_of[source, name] : line_of["", name]
}

# The name under which a variable that may be for one server alone is set.
function chained(name) {
    if (has(name "-" user "@" host))
        return name "-" user "@" host
    if (has(name "-" address(get("from"))))
        return name "-" address(get("from"))
    return has(name "-" host) ? name "-" host : name
}

function yes(name) {
    return has(name) && get(name) !~ /^(no|0|false|off)$/
}

# The first of these that is set, or "".
function first_of(names,    i, n, words) {
    n = split(names, words, " ")
    for (i = 1; i <= n; i++) {
        if (has(words[i]))
            return words[i]
    }
    return ""
}

function carry(name, key) {
    if (name != "" && get(name) != "")
        set(target, key, get(name))
}

function carry_path(name, key) {
    if (name != "" && get(name) != "")
        set(target, key, path(get(name)))
}

function translate(    variable) {
    variable = first_of("url smtp smtp_url mta")
    if (variable == "")
        note(conf, "there is no server for " (source == "" ? "mail without -a; it goes to " \
            "localhost" : "account " target))
    if (variable == "" || !server(get(variable), variable))
        return
    tls(variable)
    authentication()
    sender()
    carry(first_of("socket-connect-timeout connect_timeout"), "connect-timeout")
    # Nought, and with mutt what is less, is no limit to them.
    if (is_set(target, "connect-timeout") && \
        (value_of[target, "connect-timeout"] !~ /^[0-9]+$/ || \
        value_of[target, "connect-timeout"] + 0 == 0))
        unset(target, "connect-timeout")
    if (get(chained("socks-proxy")) != "") {
        set_later(target, "proxy", "socks5h://" bare(get(chained("socks-proxy"))), \
            where_is(chained("socks-proxy")))
        note(where_is(chained("socks-proxy")), "until then connections are made directly, " \
            "WITHOUT the proxy")
    }
}

function bare(url) {
    sub(/^[A-Za-z0-9]+:\/\//, "", url)
    return url
}

# SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/]; sets scheme, user, secret, host for what follows.
function server(url, variable,    rest, n, login) {
    scheme = user = secret = ""
    if (url ~ /`/) {
        note(where_is(variable), "left out: commands are not run; until 'server' is set mail " \
            "goes to localhost")
        return 0
    }
    if ((n = index(url, "://"))) {
        scheme = tolower(substr(url, 1, n - 1))
        rest = substr(url, n + 3)
    } else
        rest = url
    if (scheme !~ /^(smtps?|submissions?)?$/ || (scheme == "" && variable == "mta")) {
        note(where_is(variable), "not a URL of an SMTP server; left out")
        return 0
    }
    if (match(rest, /.*@/)) {
        login = substr(rest, 1, RLENGTH - 1)
        rest = substr(rest, RLENGTH + 1)
        n = index(login, ":")
        user = percent_decoded(n ? substr(login, 1, n - 1) : login)
        secret = n ? percent_decoded(substr(login, n + 1)) : ""
        if (login ~ /%[01][0-9A-Fa-f]/)
            note(where_is(variable), "control characters in the user or password stay encoded")
        if (secret != "" && arguments)
            note(where_is(variable), "everybody can see the password in an argument; use -f")
    }
    if (rest ~ /\/./)
        note(where_is(variable), "the path in the URL is left out")
    sub(/\/.*/, "", rest)
    host = rest
    sub(/:[0-9A-Za-z]+$/, "", host)
    if (!is_host(host)) {
        note(where_is(variable), "left out: this can't be a host; until 'server' is set mail " \
            "goes to localhost")
        return 0
    }
    if (scheme == "smtps")
        scheme = "submissions"
    set(target, "server", (scheme == "" ? "smtp" : scheme) "://" rest)
    return 1
}

function tls(variable,    verify, ca) {
    if (scheme != "submissions") {
        if (yes(chained("smtp-use-starttls")) || yes("ssl_force_tls"))
            set(target, "tls", "required")
        else
            note(where_is(variable), "TLS is required now, and the certificate checked, but " \
                "for servers on this machine; set tls = off if the server has none")
    }
    verify = first_of(chained("tls-verify") " " chained("ssl-verify"))
    if (verify != "" && get(verify) == "ignore")
        set(target, "tls-insecure", "yes")
    else if (verify != "" && get(verify) != "strict")
        note(where_is(verify), "left out: a certificate that does not fit is refused, unasked")
    carry_path(first_of("tls-ca-file ssl-ca-file ssl_ca_certificates_file"), "tls-ca")
    carry_path("ssl_client_cert", "tls-cert")
    carry_path("ssl_client_cert", "tls-key")
}

function authentication(    name, auth) {
    auth = chained("smtp-auth")
    if (get(auth) == "none")
        return
    name = first_of("smtp_user " chained("user") " " chained("smtp-auth-user"))
    if (user == "" && name != "")
        user = get(name)
    if (user != "")
        set(target, "user", user)
    if (has("smtp_authenticators"))
        methods(get("smtp_authenticators"), "smtp_authenticators")
    else if (get(auth) != "")
        methods(get(auth) == "externanon" ? "external" : get(auth), auth)
    carry("smtp_oauth_refresh_command", "token-command")
    name = first_of("smtp_pass " chained("password") " " chained("smtp-auth-password"))
    if (secret != "")
        set(target, "password", secret)
    else if (name != "" && command_for(name) != "")
        set(target, "password-command", command_for(name))
    else if (name != "")
        carry(name, "password")
    else if (user != "" && yes(chained("netrc-lookup")))
        set(target, "netrc", "")
}

function methods(list, name,    n, i, words, known) {
    n = split(tolower(list), words, /[: ,]+/)
    for (i = 1; i <= n; i++) {
        if (words[i] in mechanism)
            known = known (known == "" ? "" : ", ") mechanism[words[i]]
        else if (words[i] != "")
            note(where_is(name), "smtpsend does not have one of these methods; left out")
    }
    if (known != "")
        set_auth(target, known, where_is(name))
}

# The address in 'Name <address>' or '(Name) address'.
function address(text) {
    if (match(text, /<[^<>]*>[^<>]*$/)) {
        text = substr(text, RSTART + 1)
        sub(/>.*/, "", text)
    }
    gsub(/\([^()]*\)/, "", text)
    return trimmed(text)
}

function sender(    from) {
    from = address(get(first_of("envelope_from_address from")))
    if (from != "")
        set_fit(target, "from", literal(from), \
            where_is(first_of("envelope_from_address from")))
    if (get("hostname") != "")
        set_fit(target, "domain", get("hostname"), where_is("hostname"))
    carry_path("mta-aliases", "aliases")
}

END {
    if (begun != "")
        read_line(trimmed(begun))
    conf = arguments ? "arguments" : file_name()
    n = account_count
    for (i = 1; i <= n; i++) {
        source = target = account_at[i]
        translate()
    }
    # Beside accounts, what is set for all is one more: nobody shall have another's password.
    source = target = ""
    if (n && first_of("url smtp smtp_url mta") != "") {
        target = new_account("default", conf)
        set(target, "match-from", "*")
    }
    translate()
    write_config("a mail reader")
}
