# shellcheck shell=bash
# Mail servers of the system, run privately for a test: on high ports of 127.0.0.1, with their
# configuration, queues, logs and mail below a folder DIR that the test names, and with nothing
# of the system's own configuration. A bats file loads this, calls serve_prepare in setup_file,
# start_* for the servers it wants, and serve_stop in teardown_file.
#
#   serve_prepare DIR             makes DIR, DIR/mail, a CA and a certificate (DIR/tls)
#   start_postfix DIR USER...     Postfix with Dovecot's SASL; writes DIR/postfix.env
#   start_postfix_cyrus DIR USER...   the same with Cyrus's SASL in its place
#   serve_stop DIR                ends every server started below DIR, the last one first
#
# Exim, OpenSMTPD, Dovecot's submission server and a KDC are in otherservers.bash.
#
# The functions missing_* say why a server can't be run here, and say nothing where it can.

# Where they listen: a benchmark has an address of its own for it.
serve_address=${serve_address:-127.0.0.1}

# A server that is forgotten ends by itself after so many seconds.
serve_lifetime=1800

# Where the programs of mail servers are.
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/dovecot

# lacks PROGRAM...: the reason to skip, if one of them is missing or we are not root, which the
# servers need to change users.
serve_lacks() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "needs $program"; return; }
    done
    [ "$(id -u)" = 0 ] || echo 'needs root'
}

# Servers give up root's rights: they need to pass through the folders above, which mktemp keeps
# to their owner.
serve_open_path() {
    local folder=$1
    while [ "$folder" != / ]; do
        [ $((8#$(stat -c %a "$folder") & 1)) -ne 0 ] || chmod a+x "$folder"
        folder=$(dirname "$folder")
    done
}

serve_prepare() {
    mkdir -p "$1/mail"
    chmod 755 "$1"
    serve_open_path "$1"
    chown nobody:nogroup "$1/mail"
    make_ca "$1/tls"
    make_cert "$1/tls" server 'DNS:localhost,IP:127.0.0.1' serverAuth
}

# ---- certificates ----

# make_ca DIR: DIR/ca.pem and DIR/ca.key.
make_ca() {
    mkdir -p "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj '/CN=Test authority' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
        -keyout "$1/ca.key" -out "$1/ca.pem" 2>/dev/null
}

# make_cert DIR NAME SAN USAGE: DIR/NAME.pem and DIR/NAME.key, issued by DIR's authority. The
# key is RSA: OpenSMTPD fails with others.
make_cert() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" \
        -keyout "$1/$2.key" -out "$1/$2.csr" 2>/dev/null
    openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial \
        -days 2 -out "$1/$2.pem" -extfile <(printf '%s\n' "subjectAltName=$3" \
        "extendedKeyUsage=$4" keyUsage=critical,digitalSignature,keyEncipherment) 2>/dev/null
}

# ---- ports and processes ----

# serve_ports N: N different ports that nothing listens on now, below those the kernel gives away itself.
serve_ports() {
    local port ports=()
    while [ ${#ports[@]} -lt "$1" ]; do
        port=$((20000 + SRANDOM % 12000))
        [[ " ${ports[*]} " != *" $port "* ]] || continue
        if ! (: <"/dev/tcp/$serve_address/$port") 2>/dev/null; then
            ports+=("$port")
        fi
    done
    echo "${ports[@]}"
}

# serve_run DIR NAME COMMAND...: in the background, with its pid in DIR/NAME.pid and what it
# says in DIR/NAME.out. Bats waits for whoever holds descriptor 3 or 4.
serve_run() {
    local dir=$1 name=$2
    shift 2
    timeout -k 5 "$serve_lifetime" "$@" >"$dir/$name.out" 2>&1 </dev/null 3>&- 4>&- &
    echo $! >"$dir/$name.pid"
    echo "$name" >>"$dir/started"
}

serve_alive() {
    kill -0 "$(cat "$1/$2.pid")" 2>/dev/null
}

# serve_wait DIR NAME PORT|PATH...: until it listens on all of them; fails when it ended.
serve_wait() {
    local dir=$1 name=$2 place tries=0
    shift 2
    for place in "$@"; do
        until if [ "${place#/}" = "$place" ]; then
            (: <"/dev/tcp/$serve_address/$place") 2>/dev/null
        else
            [ -S "$place" ]
        fi; do
            serve_alive "$dir" "$name" || return 1
            tries=$((tries + 1))
            [ "$tries" -lt 600 ] || return 1
            sleep 0.05
        done
    done
    serve_alive "$dir" "$name"
}

# serve_end DIR NAME: asks it to end and waits until it has.
serve_end() {
    local pid tries=0
    pid=$(cat "$1/$2.pid")
    kill "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || kill -KILL "$pid" 2>/dev/null || return 0
        sleep 0.05
    done
}

serve_stop() {
    local name
    [ -e "$1/started" ] || return 0
    for name in $(tac "$1/started"); do
        serve_end "$1" "$name"
    done
    rm "$1/started"
}

# serve_retry DIR START ARGUMENT...: a port that was free may be taken by the time the server
# binds it, so START is tried three times; then what the server said is shown.
serve_retry() {
    local attempt
    for attempt in 1 2 3; do
        "$2" "$1" "${@:3}" && return 0
        echo "# $2 failed (attempt $attempt)" >&2
    done
    tail -n 20 "$1"/*.out "$1"/*.log >&2
    return 1
}

# serve_users DIR USER...: each has the password "s3cret USER"; a file for Dovecot.
serve_users() {
    local dir=$1 user
    shift
    for user in "$@"; do
        echo "$user:{PLAIN}s3cret $user::::::"
    done >"$dir/users"
    chmod 600 "$dir/users"
}

# ---- what arrived ----

# arrived DIR USER: the path of the one message in USER's Maildir, which is waited for.
arrived() {
    local files tries=0
    while :; do
        files=("$1/mail/$2/new"/*)
        [ ! -e "${files[0]}" ] || break
        tries=$((tries + 1))
        if [ "$tries" -ge 600 ]; then
            echo "nothing arrived for $2" >&2
            return 1
        fi
        sleep 0.05
    done
    if [ ${#files[@]} -ne 1 ]; then
        echo "${#files[@]} messages arrived for $2" >&2
        return 1
    fi
    echo "${files[0]}"
}

# same_message SENT ARRIVED: byte for byte what was sent, behind the trace fields that the
# server put before it.
same_message() {
    local size whole
    size=$(stat -c %s "$1")
    whole=$(stat -c %s "$2")
    tail -c "$size" "$2" | cmp - "$1" || return 1
    if head -c $((whole - size)) "$2" | grep -nivE -e '^[[:blank:]]|^(Received|Return-Path):' \
        -e '^(X-Original-To|Delivered-To|Envelope-to|Delivery-date):'; then
        echo 'these lines stand before the message' >&2
        return 1
    fi
}

# ---- Dovecot, as the authenticator of Postfix ----

# Dovecot makes an address wait longer with each failure, up to 15 seconds; not here.
dovecot_no_penalty() {
    cat <<'CONF'
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
CONF
}

# start_dovecot_auth DIR SOCKET OWNER [MECHANISMS]: DIR/users is its password file.
start_dovecot_auth() {
    local dir=$1 socket=$2
    mkdir -p "$dir/dovecot"
    cat >"$dir/dovecot.conf" <<CONF
base_dir = $dir/dovecot
state_dir = $dir/dovecot
log_path = $dir/dovecot.log
protocols =
ssl = no
auth_mechanisms = ${4-plain login}
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u $dir/users
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}
service auth {
  user = root
  unix_listener $socket {
    mode = 0600
    user = $3
  }
}
$(dovecot_no_penalty)
CONF
    serve_run "$dir" dovecot dovecot -F -c "$dir/dovecot.conf"
    serve_wait "$dir" dovecot "$socket"
}

# ---- Postfix ----

missing_postfix() {
    serve_lacks postfix dovecot openssl
}

# start_postfix DIR USER...: each USER@example.org has a mailbox and the password "s3cret USER";
# any other address there is refused. DIR/postfix.env is for the shell to read:
#   port         STARTTLS; AUTH is offered after it
#   tls_port     implicit TLS
#   small_port   STARTTLS, with SIZE 10000
#   silent_port  the same limit, not announced
start_postfix() {
    local dir=$1
    postfix_prepare "$@"
    serve_users "$@"
    start_dovecot_auth "$dir" "$dir/queue/private/auth" postfix || {
        cat "$dir/dovecot.out" "$dir/dovecot.log" >&2
        return 1
    }
    serve_retry "$dir" postfix_try
}

postfix_prepare() {
    local dir=$1 user
    shift
    mkdir -p "$dir/postfix" "$dir/queue/private" "$dir/data"
    chown postfix "$dir/data" "$dir/queue/private"
    chmod 700 "$dir/queue/private"
    for user in "$@"; do
        echo "$user@example.org $user/"
    done >"$dir/postfix/mailboxes"
    postfix_main_cf "$dir" >"$dir/postfix/main.cf"
}

missing_postfix_cyrus() {
    local missing
    missing=$(serve_lacks postfix openssl saslpasswd2)
    [ -z "$missing" ] || { echo "$missing"; return; }
    compgen -G '/usr/lib*/sasl2/libscram.so' >/dev/null ||
        compgen -G '/usr/lib/*/sasl2/libscram.so' >/dev/null ||
        echo "needs Cyrus SASL's SCRAM (libsasl2-modules)"
}

# start_postfix_cyrus DIR USER...: as start_postfix, with the passwords in a sasldb. AUTH has
# SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN and LOGIN. Debian's Postfix looks for Cyrus's
# configuration in a folder beside its own, whatever cyrus_sasl_config_path says.
start_postfix_cyrus() {
    local dir=$1 user sasl=$1/postfix/sasl
    postfix_prepare "$@"
    shift
    mkdir -p "$sasl"
    cat >"$sasl/smtpd.conf" <<CONF
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $dir/sasldb
mech_list: SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN
CONF
    for user in "$@"; do
        printf 's3cret %s' "$user" |
            saslpasswd2 -p -c -u example.org -f "$dir/sasldb" "$user" || return 1
    done
    chown postfix "$dir/sasldb"
    postconf -c "$dir/postfix" -e smtpd_sasl_type=cyrus smtpd_sasl_path=smtpd \
        "cyrus_sasl_config_path=$sasl" smtpd_sasl_local_domain=example.org || return 1
    serve_retry "$dir" postfix_try
}

postfix_main_cf() {
    cat <<CONF
compatibility_level = 3.6
queue_directory = $1/queue
data_directory = $1/data
maillog_file = $1/postfix.log
maillog_file_prefixes = $1
myhostname = mail.example.org
mydestination =
mynetworks =
inet_interfaces = $serve_address
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
local_header_rewrite_clients =
virtual_mailbox_domains = example.org
virtual_mailbox_base = $1/mail
virtual_mailbox_maps = texthash:$1/postfix/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
message_size_limit = 50000000
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $1/tls/server.pem
smtpd_tls_key_file = $1/tls/server.key
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_forbid_bare_newline = yes
smtpd_forbid_bare_newline_exclusions =
CONF
}

# Services are not in a chroot: there, they would need a system's files copied.
postfix_master_cf() {
    cat <<CONF
$serve_address:$1 inet n - n - - smtpd
$serve_address:$2 inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
$serve_address:$3 inet n - n - - smtpd
  -o message_size_limit=10000
$serve_address:$4 inet n - n - - smtpd
  -o message_size_limit=10000
  -o smtpd_discard_ehlo_keywords=size
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
}

postfix_try() {
    local dir=$1 ports
    read -ra ports <<<"$(serve_ports 4)"
    postfix_master_cf "${ports[@]}" >"$dir/postfix/master.cf"
    # The check makes the queue's folders. "postfix start" would leave a process that is not
    # ours to stop: the master makes itself the head of a session.
    postfix -c "$dir/postfix" check >"$dir/postfix.out" 2>&1 || return 1
    serve_run "$dir" postfix "$(postconf -xh daemon_directory)/master" -c "$dir/postfix" -d
    serve_wait "$dir" postfix "${ports[@]}" || return 1
    printf '%s\n' "port=${ports[0]}" "tls_port=${ports[1]}" "small_port=${ports[2]}" \
        "silent_port=${ports[3]}" >"$dir/postfix.env"
}

# postfix_queue DIR: the messages that are in Postfix's queue, waited for to become none.
postfix_queue() {
    local tries left
    for ((tries = 0; tries < 200; tries++)); do
        left=$(find "$1/queue/maildrop" "$1/queue/incoming" "$1/queue/active" \
            "$1/queue/deferred" "$1/queue/hold" "$1/queue/corrupt" -type f)
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    echo "$left"
}
