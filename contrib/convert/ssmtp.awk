# ssmtp.awk: from sSMTP's ssmtp.conf and, with part=revaliases before it, its revaliases.

BEGIN {
    split("Root MailHub HostName RewriteDomain FromLineOverride UseTLS UseSTARTTLS " \
        "UseTLSCert TLSCert TLSKey TLS_CA_File TLS_CA_Dir AuthUser AuthPass AuthMethod Port " \
        "MinUserId AddHeader UseOldAUTH Debug", words, " ")
    for (i in words)
        is_key[tolower(words[i])] = 1
}

FNR == 1 && part == "" {
    conf = file_name()
}

/^[ \t]*(#.*)?\r?$/ {
    next
}

part == "revaliases" {
    lines[++line_count] = trimmed($0)
    line_at[line_count] = place(FNR, "revaliases")
    next
}

{
    key = trimmed($0)
    sub(/[= \t].*/, "", key)
    argument = substr(trimmed($0), length(key) + 1)
    sub(/^[ \t]*=?/, "", argument)
    if (tolower(key) in is_key) {
        value[tolower(key)] = trimmed(argument)
        where_is[tolower(key)] = place(FNR, key)
    } else
        note(place(FNR, key), "ssmtp has no such key; left out")
}

function yes(key) {
    return tolower(value[key]) == "yes"
}

function lost(key, text) {
    if (value[key] != "")
        note(where_is[key], text)
}

function or_else(text, otherwise) {
    return text != "" ? text : otherwise
}

# The mail hub's HOST[:PORT], for an account or for all.
function set_hub(account, hub, where,    n) {
    n = match(hub, /:[0-9A-Za-z]+$/)
    set_fit(account, "server", n ? substr(hub, 1, n - 1) : hub, where)
    set_fit(account, "port", n ? substr(hub, n + 1) : or_else(value["port"], 25), \
        n ? where : or_else(where_is["port"], conf))
}

function tls() {
    if (!yes("usetls") && !yes("usestarttls")) {
        without_tls("", conf)
        return
    }
    set("", "tls", yes("usestarttls") ? "required" : "implicit")
    note(conf, "ssmtp does not check the server's certificate; smtpsend does")
    if (value["tls_ca_file"] != "")
        set("", "tls-ca", value["tls_ca_file"])
    lost("tls_ca_dir", "left out: tls-ca takes a file, with all certificates in it")
    if (yes("usetlscert") || value["tlscert"] != "") {
        set("", "tls-cert", or_else(value["tlscert"], "/etc/ssl/certs/ssmtp.pem"))
        set("", "tls-key", or_else(value["tlskey"], value_of["", "tls-cert"]))
    }
}

function authentication(    method) {
    if (value["authuser"] == "")
        return
    method = tolower(value["authmethod"])
    set("", "user", value["authuser"])
    if (method == "cram-md5")
        set("", "auth", "CRAM-MD5")
    else if (value_of["", "tls"] == "off")
        set("", "auth", "LOGIN")
    else
        set("", "auth", "auto")
    if (value["authpass"] != "")
        set("", "password", value["authpass"])
    if (value_of["", "tls"] == "off")
        allow_cleartext("", where_is["authuser"])
}

# Debian's package leaves words like _HOSTNAME_ where its installation asked nothing.
function sender() {
    if (value["hostname"] != "")
        set_fit("", "helo", literal(value["hostname"]), where_is["hostname"])
    domain = or_else(value["rewritedomain"], value["hostname"])
    if (domain != "")
        set_fit("", "domain", domain, \
            where_is[value["rewritedomain"] != "" ? "rewritedomain" : "hostname"])
    if (!is_set("", "domain"))
        domain = ""
    if (yes("fromlineoverride")) {
        note(where_is["fromlineoverride"], "From stays as it is; the envelope sender, " \
            "though, is the caller's -f, else user@domain, whatever From says")
        return
    }
    set("", "from", "%U@" or_else(domain, "%H"))
    set("", "set-from", "yes")
}

# USER:ADDRESS[:HOST[:PORT]]: mail of a local user has this sender, and goes by this server.
function alias(line, where,    user, address, hub, account) {
    user = substr(line, 1, index(line, ":") - 1)
    address = substr(line, index(line, ":") + 1)
    hub = index(address, ":") ? substr(address, index(address, ":") + 1) : ""
    sub(/:.*/, "", address)
    user = trimmed(user)
    address = trimmed(address)
    if (user == "" || address == "") {
        note(where, "not USER:ADDRESS[:HOST[:PORT]]; left out")
        return
    }
    account = new_account(user, where)
    set(account, "match-from", user "@" (domain != "" ? domain : "*"))
    set_fit(account, "from", literal(address), where)
    if (hub != "")
        set_hub(account, hub, where)
}

END {
    set_hub("", or_else(value["mailhub"], "mailhub"), or_else(where_is["mailhub"], conf))
    if (value["mailhub"] == "")
        note(conf, "there is no MailHub; ssmtp takes the host 'mailhub'")
    tls()
    authentication()
    sender()
    for (i = 1; i <= line_count; i++)
        alias(lines[i], line_at[i])
    lost("root", "left out: put 'root: ADDRESS' and the other system users into a file, and " \
        "set aliases = FILE")
    lost("minuserid", "left out: aliases = FILE names the users one by one")
    lost("addheader", "left out: smtpsend adds no headers of your own")
    lost("useoldauth", "left out: there is no need for it")
    lost("debug", "left out: -v on the command line shows the dialogue")
    write_config("ssmtp")
}
