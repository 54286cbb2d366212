# nullmailer.awk: from the control files of nullmailer, all that are in its folder.

FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
    folder = substr(file_name(), 1, length(file_name()) - length(file))
}

# HOST [PROTOCOL [OPTION]...], quoted as in a shell. Mail goes by the first that takes it.
file == "remotes" {
    n = split_words(trimmed($0), words)
    if (!n)
        next
    if (remotes++)
        note(place(FNR, "remotes"), "left out: smtpsend has one server; make it an " \
            "[account], for -a")
    else
        remote(words, n, place(FNR, "remotes"))
    next
}

# Of the other files the first line counts, also where it is empty.
FNR == 1 {
    value[file] = trimmed($0)
}

function remote(words, n, where,    i, name, text) {
    if (n > 1 && words[2] != "smtp")
        note(where, "smtpsend does not have this protocol; taken for smtp")
    set_fit("", "server", words[1], where)
    set("", "port", 25)
    for (i = 3; i <= n; i++) {
        name = words[i]
        sub(/^--/, "", name)
        text = index(name, "=") ? substr(name, index(name, "=") + 1) : ""
        sub(/=.*/, "", name)
        option(name, text, where)
    }
    if (!is_set("", "tls"))
        without_tls("", where)
    if (value_of["", "tls"] == "implicit" && !port_given)
        set("", "port", 465)
    if (is_set("", "tls-cert") && !is_set("", "tls-key"))
        set("", "tls-key", value_of["", "tls-cert"])
    if (is_set("", "user") && value_of["", "tls"] == "off") {
        if (!is_set("", "auth"))
            set("", "auth", "PLAIN, LOGIN")
        allow_cleartext("", where)
    }
}

function option(name, text, where) {
    if (name == "port") {
        set_fit("", "port", text, where ": port")
        port_given = fits("port", text)
    } else if (name == "user")
        set("", "user", text)
    else if (name == "pass")
        set("", "password", text)
    else if (name == "source")
        set_later("", "source", text, where)
    else if (name == "auth-login")
        set("", "auth", "LOGIN")
    else if (name == "tls" || name == "ssl")
        set("", "tls", "implicit")
    else if (name == "starttls")
        set("", "tls", "required")
    else if (name == "x509certfile")
        set("", "tls-cert", text)
    else if (name == "x509keyfile")
        set("", "tls-key", text)
    else if (name == "x509cafile")
        set("", "tls-ca", text)
    else if (name == "x509crlfile")
        set("", "tls-crl", text)
    else if (name == "insecure")
        set("", "tls-insecure", "yes")
    else if (name == "x509fmtder")
        note(where ": " name, "left out: convert the files to PEM")
    else
        note(where ": " substr(name, 1, 60), "there is no such option; left out")
}

function spot(name) {
    return folder name ":1"
}

function lost(name, text) {
    if (value[name] != "")
        note(spot(name), text)
    delete value[name]
}

function take(name,    text) {
    text = value[name]
    delete value[name]
    return text
}

function names(    me, host, domain, helo, where_helo, where_host) {
    me = take("me")
    where_helo = spot(value["helohost"] != "" ? "helohost" : "me")
    where_host = spot(value["defaulthost"] != "" ? "defaulthost" : "me")
    host = take("defaulthost")
    domain = take("defaultdomain")
    host = host != "" ? host : me
    if (host != "" && host !~ /\./ && (domain != "" || me != ""))
        host = host "." (domain != "" ? domain : me)
    helo = take("helohost")
    helo = helo != "" ? helo : me
    if (helo != "")
        set_fit("", "helo", literal(helo), where_helo)
    if (host != "")
        set_fit("", "domain", literal(host), where_host)
}

function queue(    lifetime, limit, admin) {
    set("", "queue", "always")
    note(folder "remotes", "messages are kept until 'smtpsend -q' sends them: see to it that it runs")
    lifetime = take("queuelifetime")
    if (lifetime ~ /^[0-9]+$/)
        set("", "queue-lifetime", lifetime "s")
    limit = take("sendtimeout")
    if (limit ~ /^[0-9]+$/ && limit + 0 > 0)
        set("", "deadline", limit "s")
    admin = take("doublebounceto")
    if (admin != "")
        set_fit("", "postmaster", admin, spot("doublebounceto"))
    lost("pausetime", "left out: 'smtpsend -q1m' runs the queue, each minute here")
    lost("maxpause", "left out: 'smtpsend -q1m' runs the queue, each minute here")
}

END {
    if (!remotes)
        refuse(folder "remotes", "there is no server in it")
    names()
    if (value["allmailfrom"] != "") {
        set_fit("", "from", literal(take("allmailfrom")), spot("allmailfrom"))
        if (is_set("", "from"))
            note(spot("allmailfrom"), "a caller's -f counts more")
    }
    lost("adminaddr", "left out: put 'root: ADDRESS' and the other local users into a file, " \
        "and set aliases = FILE")
    lost("idhost", "left out: the Message-ID's domain can't be chosen")
    queue()
    for (name in value) {
        if (value[name] != "")
            note(spot(name), "not a file of nullmailer's; left out")
    }
    write_config("nullmailer")
}
