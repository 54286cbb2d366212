# shellcheck shell=bash
# shellcheck disable=SC2154 # serve_address, which realservers.bash sets
# More mail servers, run privately as realservers.bash does it, which has to be loaded first.
#
#   start_exim DIR USER...         DIR/exim.env: port (STARTTLS), tls_port (implicit). It has
#                                  CHUNKING and PRDR; users named picky* refuse a message
#                                  once they have seen it, users named later* put it off
#   start_opensmtpd DIR USER...    DIR/opensmtpd.env: the same
#   start_submission DIR USER...   Dovecot's, which relays everything to a test server with
#                                  DIR/sink as its Maildir; DIR/submission.env: the same
#   start_kdc DIR USER...          a Kerberos KDC for EXAMPLE.ORG; DIR/krb5.conf is for
#                                  KRB5_CONFIG, DIR/krb5.keytab has smtp/localhost
#
# Each USER has the password "s3cret USER" and, at Exim and OpenSMTPD, a mailbox. AUTH: all have
# PLAIN and LOGIN. Exim has CRAM-MD5 and, where a client certificate came (its CN is the user),
# EXTERNAL; with Dovecot's driver (in Debian, exim4-daemon-heavy has it) SCRAM-SHA-1 and
# SCRAM-SHA-256. Dovecot has all of these, OAUTHBEARER and XOAUTH2 (serve_token makes tokens),
# and GSSAPI when start_kdc came before. All of it is offered only behind TLS, except that
# Dovecot shows to 127.0.0.1 what it has at once.
#
# Exim and OpenSMTPD can't be installed beside Postfix, and their paths are fixed when they are
# built. So they are fetched by apt, unpacked in a folder beside the programs under test, and
# run in a root of their own, DIR/root, which has nothing but them and their libraries.

# ---- programs that are not installed ----

unpacked=$(dirname "${TESTSERVER:?}")/servers

# unpack PACKAGE PROGRAM: makes sure that PROGRAM (a path) is installed or unpacked, with the
# libraries that the system lacks, and prints the folder that it is below: '' or the unpacked.
unpack() {
    [ ! -x "$2" ] || return 0
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    mkdir -p "$unpacked"
    (
        flock 9
        [ -x "$unpacked/$1$2" ] || unpack_now "$1"
    ) 9>"$unpacked/lock"
    [ -x "$unpacked/$1$2" ] || return 1
    echo "$unpacked/$1"
}

unpack_now() {
    local work
    work=$(mktemp -d) || return 1
    unpack_fetch "$1" "$work" >"$unpacked/$1.log" 2>&1 &&
        rm -rf "${unpacked:?}/$1" && mv "$work/root" "$unpacked/$1"
    rm -rf "$work"
}

# Names come from what apt would install, but nothing is installed. What apt has in its cache it
# would not name, so it is given an empty one.
unpack_fetch() {
    local names file options
    mkdir -p "$2/cache/partial"
    options=(-o Dir::Cache::archives="$2/cache" -o Acquire::http::Timeout=20)
    if [ "$1" = opensmtpd ] && apt-cache policy opensmtpd | grep -q 'Candidate: 6'; then
        unpack_backports "$2/apt" || return 1
        options+=("${backports[@]}" -t "$(unpack_codename)-backports")
    fi
    names=$(apt-get "${options[@]}" install -y --no-install-recommends --print-uris "$1" |
        sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p")
    [ -n "$names" ] || return 1
    chmod 755 "$2"
    # shellcheck disable=SC2086 # a list of names
    (cd "$2" && apt-get "${options[@]}" download $names) || return 1
    for file in "$2"/*.deb; do
        dpkg -x "$file" "$2/root" || return 1
    done
}

unpack_codename() {
    sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# Sets backports: options that give apt, beside what it knows, the backports of this release,
# in lists of its own below DIR. OpenSMTPD 6.8, which Debian 12 has, fails in each TLS handshake
# since OpenSSL 3; its backport is good.
unpack_backports() {
    local codename site key
    codename=$(unpack_codename)
    # shellcheck disable=SC2016 # apt's variables
    read -r site key < <(apt-get indextargets --format '$(REPO_URI) $(SIGNED_BY)' \
        'Created-By: Packages' "Codename: $codename") || return 1
    [ "${key#/}" != "$key" ] || key= # apt repeats the question where it has no answer
    mkdir -p "$1/parts" "$1/lists/partial"
    cp /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources "$1/parts/" 2>/dev/null
    echo "deb ${key:+[signed-by=$key]} $site $codename-backports main" >"$1/parts/more.list"
    find /var/lib/apt/lists -maxdepth 1 -type f ! -name lock -exec cp {} "$1/lists/" \;
    backports=(-o Dir::State::lists="$1/lists" -o Dir::Etc::sourceparts="$1/parts"
        -o Dir::Cache::pkgcache='' -o Dir::Cache::srcpkgcache='')
    apt-get "${backports[@]}" update
}

# ---- a root for one server ----

# make_root ROOT
make_root() {
    local folder
    mkdir -p "$1"/usr/{bin,sbin,lib,lib64} "$1"/{etc,dev,mail,run,tmp,var}
    for folder in bin sbin lib lib64; do
        ln -s "usr/$folder" "$1/$folder"
    done
    ln -s ../run "$1/var/run"
    chmod 1777 "$1/tmp"
    chown nobody:nogroup "$1/mail"
    mknod -m 666 "$1/dev/null" c 1 3 && mknod -m 666 "$1/dev/urandom" c 1 9 || return 1
    ln -s /dev/urandom "$1/dev/random"
    echo '127.0.0.1 localhost mail.example.org' >"$1/etc/hosts"
    printf '%s\n' 'root:x:0:0:root:/:/bin/sh' \
        'nobody:x:65534:65534:nobody:/nonexistent:/bin/false' >"$1/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$1/etc/group"
}

# root_user ROOT NAME ID
root_user() {
    echo "$2:x:$3:$3:$2:/nonexistent:/bin/false" >>"$1/etc/passwd"
    echo "$2:x:$3:" >>"$1/etc/group"
}

# root_program ROOT PREFIX PATH...: copies programs that are below PREFIX, with their libraries.
root_program() {
    local root=$1 prefix=$2 file target
    shift 2
    for file in "$@"; do
        mkdir -p "$root$(dirname "$file")"
        cp -pL "$prefix$file" "$root$file" || return 1
        while read -r file; do
            target=$root${file#"$prefix"}
            mkdir -p "$(dirname "$target")"
            [ -e "$target" ] || cp -L "$file" "$target" || return 1
        done < <(root_libraries "$prefix" "$file")
    done
}

# The paths of what PROGRAM below PREFIX is linked with, its loader included.
root_libraries() {
    local lib=$1/usr/lib
    LD_LIBRARY_PATH=$lib:$(echo "$lib"/*-linux-gnu*) ldd "$1$2" |
        sed -n 's/^[[:blank:]]*\(.* => \)\{0,1\}\(\/[^ ]*\) (.*/\2/p'
}

# ---- Exim ----

missing_exim() {
    local missing
    missing=$(serve_lacks openssl chroot)
    [ -z "$missing" ] || { echo "$missing"; return; }
    unpack exim4-daemon-heavy /usr/sbin/exim4 >/dev/null ||
        echo 'needs exim4-daemon-heavy, installed or fetched by apt'
}

start_exim() {
    local dir=$1 root=$1/root prefix
    shift
    prefix=$(unpack exim4-daemon-heavy /usr/sbin/exim4) || return 1
    make_root "$root" && root_program "$root" "$prefix" /usr/sbin/exim4 || return 1
    rmdir "$dir/mail" && ln -s root/mail "$dir/mail"
    # Debian's Exim looks this name up. It delivers as the user it runs as.
    root_user "$root" Debian-exim 65534
    mkdir -p "$root/spool" "$root/etc/tls"
    cp "$dir/tls/server.pem" "$dir/tls/server.key" "$dir/tls/ca.pem" "$root/etc/tls/"
    printf '%s\n' "$@" | sed 's/.*/&: &/' >"$root/etc/mailboxes"
    printf '%s\n' "$@" | sed 's/.*/&: s3cret &/' >"$root/etc/passwords"
    chown -R nobody:nogroup "$root/spool" "$root/etc/tls"
    serve_users "$dir" "$@"
    if chroot "$root" /usr/sbin/exim4 -C /dev/null -bV |
        grep -q '^Authenticators:.* dovecot' && [ -z "$(serve_lacks dovecot)" ]; then
        start_dovecot_auth "$dir" "$root/auth" nobody 'scram-sha-1 scram-sha-256' || return 1
    fi
    serve_retry "$dir" exim_try
}

exim_try() {
    local dir=$1 ports
    read -ra ports <<<"$(serve_ports 2)"
    {
        exim_conf "${ports[@]}"
        [ ! -S "$dir/root/auth" ] || exim_scram
    } >"$dir/root/etc/exim.conf"
    serve_run "$dir" exim chroot "$dir/root" /usr/sbin/exim4 -C /etc/exim.conf -bdf -q1h
    serve_wait "$dir" exim "${ports[@]}" || return 1
    printf '%s\n' "port=${ports[0]}" "tls_port=${ports[1]}" >"$dir/exim.env"
}

exim_conf() {
    cat <<CONF
local_interfaces = $serve_address
daemon_smtp_ports = $1 : $2
tls_on_connect_ports = $2
CONF
    cat <<'CONF'
exim_path = /usr/sbin/exim4
spool_directory = /spool
log_file_path = /spool/log/%slog
pid_file_path = /spool/exim.pid
primary_hostname = mail.example.org
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege
tls_advertise_hosts = *
tls_certificate = /etc/tls/server.pem
tls_privatekey = /etc/tls/server.key
tls_verify_certificates = /etc/tls/ca.pem
tls_try_verify_hosts = *
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = recipient
acl_smtp_data = accept
prdr_enable = true
acl_smtp_data_prdr = verdict

begin acl
recipient:
  deny message = authentication is required
       !authenticated = *
  accept domains = example.org
         verify = recipient
  deny message = unknown user
verdict:
  deny local_parts = ^picky
       message = not a message like this
  defer local_parts = ^later
        message = not now
  accept

begin routers
users:
  driver = accept
  domains = example.org
  local_parts = lsearch;/etc/mailboxes
  transport = maildir

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = /mail/$local_part_data
  return_path_add
  delivery_date_add
  envelope_to_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{${lookup{$auth2}lsearch{/etc/passwords}{$value}fail}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if eq{$auth2}{${lookup{$auth1}lsearch{/etc/passwords}{$value}fail}}}
  server_set_id = $auth1
cram_md5:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${lookup{$auth1}lsearch{/etc/passwords}{$value}fail}
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = ${if eq{$tls_in_certificate_verified}{1}}
  server_param2 = ${certextract{subject,CN}{$tls_in_peercert}}
  server_condition = ${if eq{$auth1}{$auth2}}
  server_set_id = $auth1
CONF
}

exim_scram() {
    local hash
    for hash in 1 256; do
        cat <<CONF
scram_sha_$hash:
  driver = dovecot
  public_name = SCRAM-SHA-$hash
  server_socket = /auth
  server_set_id = \$auth1
CONF
    done
}

# ---- OpenSMTPD ----

missing_opensmtpd() {
    local missing
    missing=$(serve_lacks openssl chroot)
    [ -z "$missing" ] || { echo "$missing"; return; }
    unpack opensmtpd /usr/sbin/smtpd >/dev/null ||
        echo 'needs opensmtpd, installed or fetched by apt'
}

start_opensmtpd() {
    local dir=$1 root=$1/root prefix user libexec=/usr/libexec/opensmtpd
    shift
    prefix=$(unpack opensmtpd /usr/sbin/smtpd) || return 1
    make_root "$root" && root_program "$root" '' /bin/sh && root_program "$root" "$prefix" \
        /usr/sbin/smtpd "$libexec/mail.mda" "$libexec/mail.maildir" || return 1
    rmdir "$dir/mail" && ln -s root/mail "$dir/mail"
    root_user "$root" opensmtpd 201
    root_user "$root" opensmtpq 202
    mkdir -p "$root/var/lib/opensmtpd/empty" "$root/var/spool" "$root/etc/tls"
    cp "$dir/tls/server.pem" "$dir/tls/server.key" "$root/etc/tls/"
    chmod 600 "$root/etc/tls/server.key"
    # It will not start without the system's anchors.
    mkdir -p "$root/etc/ssl/certs"
    cp "$dir/tls/ca.pem" "$root/etc/ssl/certs/ca-certificates.crt"
    for user in "$@"; do
        echo "$user:$(echo "s3cret $user" | openssl passwd -6 -stdin)" >>"$root/etc/credentials"
        echo "$user:65534:65534:/mail/$user" >>"$root/etc/mailboxes"
        mkdir "$root/mail/$user" && chown nobody:nogroup "$root/mail/$user"
    done
    serve_retry "$dir" opensmtpd_try
}

opensmtpd_try() {
    local dir=$1 ports
    read -ra ports <<<"$(serve_ports 2)"
    cat >"$dir/root/etc/smtpd.conf" <<CONF
pki mail cert "/etc/tls/server.pem"
pki mail key "/etc/tls/server.key"
table credentials file:/etc/credentials
table mailboxes file:/etc/mailboxes
listen on $serve_address port ${ports[0]} tls-require pki mail hostname mail.example.org \\
    auth <credentials>
listen on $serve_address port ${ports[1]} smtps pki mail hostname mail.example.org \\
    auth <credentials>
action deliver maildir "/mail/%{user.username}" userbase <mailboxes>
match auth from any for domain "example.org" action deliver
CONF
    serve_run "$dir" opensmtpd chroot "$dir/root" /usr/sbin/smtpd -d -f /etc/smtpd.conf
    serve_wait "$dir" opensmtpd "${ports[@]}" || return 1
    printf '%s\n' "port=${ports[0]}" "tls_port=${ports[1]}" >"$dir/opensmtpd.env"
}

# ---- Dovecot submission ----

missing_submission() {
    serve_lacks openssl dovecot submission-login
}

# Refuses recipients of the name nobody.
start_sink() {
    local dir=$1
    serve_run "$dir" sink "$TESTSERVER" --maildir "$dir/sink" --ready "$dir/sink.env" \
        --lifetime 1800 --rcpt 'nobody@*=550 5.1.1 no such user'
    until [ -e "$dir/sink.env" ]; do
        serve_alive "$dir" sink || return 1
        sleep 0.05
    done
}

start_submission() {
    local dir=$1 mechanisms='plain login cram-md5 scram-sha-1 scram-sha-256'
    shift
    start_sink "$dir" || return 1
    mkdir -p "$dir/dovecot" "$dir/keys/default/HS256"
    serve_users "$dir" "$@"
    serve_token_key "$dir"
    mechanisms="$mechanisms oauthbearer xoauth2 external"
    if [ -e "$dir/krb5.keytab" ] && [ -e /usr/lib/dovecot/modules/auth/libmech_gssapi.so ]; then
        mechanisms="$mechanisms gssapi"
    fi
    serve_retry "$dir" submission_try "$(sed -n 's/^port=//p' "$dir/sink.env")" "$mechanisms"
}

submission_try() {
    local dir=$1 ports
    read -ra ports <<<"$(serve_ports 2)"
    submission_conf "$dir" "$2" "$3" "${ports[@]}" >"$dir/dovecot.conf"
    if [ -e "$dir/krb5.conf" ]; then
        export KRB5_CONFIG=$dir/krb5.conf
    fi
    serve_run "$dir" submission dovecot -F -c "$dir/dovecot.conf"
    serve_wait "$dir" submission "${ports[@]}" || return 1
    printf '%s\n' "port=${ports[0]}" "tls_port=${ports[1]}" >"$dir/submission.env"
}

submission_conf() {
    cat <<CONF
protocols = submission
listen = 127.0.0.1
hostname = mail.example.org
base_dir = $1/dovecot
state_dir = $1/dovecot
log_path = $1/dovecot.log
login_log_format_elements = user=<%u> method=%m session=<%{session}> %k
import_environment = TZ KRB5_CONFIG=$1/krb5.conf
mail_location = maildir:$1/mail/%n
submission_relay_host = 127.0.0.1
submission_relay_port = $2
submission_relay_trusted = no
ssl = required
ssl_cert = <$1/tls/server.pem
ssl_key = <$1/tls/server.key
ssl_ca = <$1/tls/ca.pem
ssl_require_crl = no
ssl_verify_client_cert = yes
ssl_cert_username_field = commonName
auth_ssl_username_from_cert = yes
auth_mechanisms = $3
auth_failure_delay = 0
auth_krb5_keytab = $1/krb5.keytab
auth_gssapi_hostname = "\$ALL"
auth_username_format = %Ln
passdb {
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = scheme=PLAIN username_format=%u $1/users
}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = $1/oauth2.conf
}
passdb {
  driver = static
  mechanisms = external gssapi
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=$1/mail/%n
}
service auth {
  user = root
}
$(dovecot_no_penalty)
service submission-login {
  inet_listener submission {
    port = $4
  }
  inet_listener submissions {
    port = $5
    ssl = yes
  }
}
CONF
}

# ---- tokens for OAUTHBEARER and XOAUTH2: JWT, signed with a secret that the server knows ----

serve_base64url() {
    openssl base64 -A | tr '+/' '-_' | tr -d '='
}

serve_token_key() {
    openssl rand -hex 32 | tr -d '\n' >"$1/token.key"
    openssl base64 -A -in "$1/token.key" >"$1/keys/default/HS256/default"
    cat >"$1/oauth2.conf" <<CONF
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$1/keys/
username_attribute = sub
CONF
}

# serve_token DIR USER [SECONDS]: a token that ends in that time; -60: it ended a minute ago.
serve_token() {
    local now claims
    now=$(date +%s)
    claims=$(printf '{"alg":"HS256","typ":"JWT"}' | serve_base64url)
    claims=$claims.$(printf '{"sub":"%s","iat":%d,"nbf":%d,"exp":%d}' "$2" $((now - 120)) \
        $((now - 120)) $((now + ${3-600})) | serve_base64url)
    echo "$claims.$(printf %s "$claims" |
        openssl dgst -binary -sha256 -hmac "$(cat "$1/token.key")" | serve_base64url)"
}

# ---- a Kerberos KDC ----

missing_kdc() {
    serve_lacks krb5kdc kdb5_util kadmin.local kinit
}

start_kdc() {
    local dir=$1
    serve_retry "$dir" kdc_try "${@:2}"
}

kdc_try() {
    local dir=$1 port user
    shift
    rm -rf "$dir/krb5"
    mkdir -p "$dir/krb5"
    port=$(serve_ports 1)
    kdc_conf "$dir" "$port" >"$dir/krb5.conf"
    export KRB5_CONFIG=$dir/krb5.conf KRB5_KDC_PROFILE=$dir/krb5.conf
    {
        kdb5_util create -s -P 'the master'
        for user in "$@"; do
            kadmin.local -q "addprinc -pw \"s3cret $user\" $user"
        done
        kadmin.local -q 'addprinc -randkey smtp/localhost'
        kadmin.local -q "ktadd -k $dir/krb5.keytab smtp/localhost"
    } >"$dir/krb5.log" 2>&1
    serve_run "$dir" kdc krb5kdc -n
    serve_wait "$dir" kdc "$port"
}

kdc_conf() {
    cat <<CONF
[libdefaults]
  default_realm = EXAMPLE.ORG
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  default_ccache_name = FILE:$1/krb5/ccache
[realms]
  EXAMPLE.ORG = {
    kdc = 127.0.0.1:$2
    database_name = $1/krb5/principal
    key_stash_file = $1/krb5/stash
    acl_file = $1/krb5/acl
    kdc_listen = 127.0.0.1:$2
    kdc_tcp_listen = 127.0.0.1:$2
  }
[domain_realm]
  localhost = EXAMPLE.ORG
[logging]
  kdc = FILE:$1/krb5kdc.log
CONF
}
