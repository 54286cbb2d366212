/*
 * floor: the least that a client can do for one message, as a yardstick for the benchmark. It
 * holds the dialogue of RFC 5321, 2920, 3030 and 4954 that smtpsend holds, over the same system
 * calls and, built with -DFLOOR_TLS, over GnuTLS. It checks nothing it need not: the message is
 * a regular file whose lines end in CRLF, a reply that is not the expected one ends it with 1.
 *
 *   floor data|bdat|early ADDRESS PORT SENDER FILE [-u USER PASSWORD] [-t NAME CA] RECIPIENT...
 *
 * data: MAIL, RCPT and DATA in one flight, then the body. bdat: MAIL and RCPT in one flight, then
 * BDAT. early: all three in one. In clear, BDAT's bytes are sent by sendfile. -t: TLS from the
 * first byte, the certificate verified for NAME against the one file CA, -u: AUTH PLAIN.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef FLOOR_TLS
#include <gnutls/gnutls.h>
#endif

enum { BLOCK = 64 * 1024, RECORD = 16 * 1024 };

static int sock, file;
static char in[16384], out[4 * BLOCK];
static size_t in_len, out_len, file_len;
#ifdef FLOOR_TLS
static gnutls_session_t tls;
#endif

static bool encrypted(void)
{
#ifdef FLOOR_TLS
    return tls != NULL;
#else
    return false;
#endif
}

static ssize_t send_some(const char *s, size_t len, int flags)
{
#ifdef FLOOR_TLS
    if (tls)
        return gnutls_record_send(tls, s, len < RECORD ? len : RECORD);
#endif
    return send(sock, s, len, flags | MSG_NOSIGNAL);
}

static ssize_t receive_some(char *to, size_t room)
{
#ifdef FLOOR_TLS
    if (tls)
        return gnutls_record_recv(tls, to, room);
#endif
    return recv(sock, to, room, 0);
}

static void send_all(const char *s, size_t len, int flags)
{
    while (len) {
        ssize_t n = send_some(s, len, flags);

        if (n <= 0)
            errx(1, "connection lost");
        s += n;
        len -= (size_t)n;
    }
}

static void flush(int flags)
{
    send_all(out, out_len, flags);
    out_len = 0;
}

static void put(const char *s, size_t len)
{
    if (len > sizeof(out) - out_len)
        flush(0);
    memcpy(out + out_len, s, len);
    out_len += len;
}

static void puts_out(const char *a, const char *b, const char *c)
{
    put(a, strlen(a));
    put(b, strlen(b));
    put(c, strlen(c));
}

/* One reply, whose first digit has to be DIGIT. */
static void expect(char digit)
{
    char *end;
    bool last;
    ssize_t n;

    for (;;) {
        while ((end = memchr(in, '\n', in_len))) {
            if (*in != digit)
                errx(1, "reply: %.*s", (int)(end - in), in);
            last = in[3] != '-';
            in_len -= (size_t)(end + 1 - in);
            memmove(in, end + 1, in_len);
            if (last)
                return;
        }
        n = receive_some(in + in_len, sizeof(in) - in_len);
        if (n <= 0)
            errx(1, "no reply");
        in_len += (size_t)n;
    }
}

static void ask(char digit)
{
    flush(0);
    expect(digit);
}

static void connect_to(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int on = 1;

    inet_pton(AF_INET, address, &to.sin_addr);
    sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(sock, (struct sockaddr *)&to, sizeof(to)))
        err(1, "connect");
}

static void start_tls(const char *name, const char *ca)
{
#ifdef FLOOR_TLS
    gnutls_certificate_credentials_t trust;

    if (!name)
        return;
    gnutls_certificate_allocate_credentials(&trust);
    if (gnutls_certificate_set_x509_trust_file(trust, ca, GNUTLS_X509_FMT_PEM) <= 0)
        errx(1, "no certificate in '%s'", ca);
    gnutls_init(&tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
    gnutls_set_default_priority(tls);
    gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, trust);
    gnutls_server_name_set(tls, GNUTLS_NAME_DNS, name, strlen(name));
    gnutls_session_set_verify_cert(tls, name, 0);
    gnutls_transport_set_int(tls, sock);
    if (gnutls_handshake(tls) < 0)
        errx(1, "the TLS handshake failed");
#else
    (void)ca;
    if (name)
        errx(64, "built without TLS");
#endif
}

static void authenticate(const char *user, const char *password)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char plain[512] = "";
    char text[700], *to = text;
    size_t len = (size_t)snprintf((char *)plain + 1, 500, "%s", user) + 2, i;

    len += (size_t)snprintf((char *)plain + len, 256, "%s", password);
    for (i = 0; i < len; i += 3) {
        unsigned v = (unsigned)(plain[i] << 16 | plain[i + 1] << 8 | plain[i + 2]);

        *to++ = digits[v >> 18];
        *to++ = digits[v >> 12 & 63];
        *to++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *to++ = i + 2 < len ? digits[v & 63] : '=';
    }
    *to = 0;
    puts_out("AUTH PLAIN ", text, "\r\n");
    ask('2');
}

/* LEN bytes that begin at the start of a line if *BOL, with dots stuffed. */
static void stuff(const char *s, size_t len, bool *bol)
{
    const char *end = s + len, *at = s, *from = s;

    while ((at = memchr(at, '.', (size_t)(end - at)))) {
        if (at == s ? *bol : at[-1] == '\n') {
            send_all(from, (size_t)(at - from), MSG_MORE);
            send_all(".", 1, MSG_MORE);
            from = at;
        }
        at++;
    }
    send_all(from, (size_t)(end - from), 0);
    *bol = end[-1] == '\n';
}

static void send_file(bool stuffing)
{
    static char block[BLOCK];
    bool bol = true;
    ssize_t n;

    if (file_len <= BLOCK && !stuffing && (n = read(file, block, BLOCK)) > 0) {
        put(block, (size_t)n);
        return;
    }
    flush(MSG_MORE);
    if (!stuffing && !encrypted()) {
        while (sendfile(sock, file, NULL, 1 << 30) > 0)
            ;
        return;
    }
    while ((n = read(file, block, BLOCK)) > 0) {
        if (stuffing)
            stuff(block, (size_t)n, &bol);
        else
            send_all(block, (size_t)n, 0);
    }
}

int main(int argc, char **argv)
{
    const char *user = NULL, *password = NULL, *name = NULL, *ca = NULL, *mode = argv[1];
    char size[32];
    struct stat st;
    int i = 6, c;

    for (; i + 3 < argc && argv[i][0] == '-'; i += 3) {
        *(argv[i][1] == 'u' ? &user : &name) = argv[i + 1];
        *(argv[i][1] == 'u' ? &password : &ca) = argv[i + 2];
    }
    if (i >= argc)
        errx(64, "see the head of floor.c");
    file = open(argv[5], O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &st))
        err(66, "'%s'", argv[5]);
    file_len = (size_t)st.st_size;
    snprintf(size, sizeof(size), "%zu", file_len);
    connect_to(argv[2], argv[3]);
    start_tls(name, ca);
    expect('2');
    puts_out("EHLO localhost", "", "\r\n");
    ask('2');
    if (user)
        authenticate(user, password);
    puts_out("MAIL FROM:<", argv[4], ">\r\n");
    for (c = i; c < argc; c++)
        puts_out("RCPT TO:<", argv[c], ">\r\n");
    if (*mode == 'd')
        puts_out("DATA", "", "\r\n");
    if (*mode != 'e') {
        flush(0);
        for (c = i; c <= argc; c++)
            expect('2');
    }
    if (*mode == 'd')
        expect('3');
    else
        puts_out("BDAT ", size, " LAST\r\n");
    send_file(*mode == 'd');
    puts_out(*mode == 'd' ? ".\r\n" : "", "QUIT", "\r\n");
    flush(0);
    for (c = *mode == 'e' ? i : argc + 1; c <= argc; c++)
        expect('2');
    expect('2');
    close(sock);
    return 0;
}
