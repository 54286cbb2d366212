#include "net/tls_context.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRIORITY_MAX = 4096, NAME_MAX_BYTES = 1024 };

/* Weak keys (RSA below 2,048 bits) and what RFC 8996 forbids are refused; the user's string can
 * lower the profile, but not the floor. */
static const char floor_1_2[] = "-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1";
static const char floor_1_3[] = ":-VERS-TLS1.2";
static const char profile[] = ":%PROFILE_MEDIUM";

/* TLS as such: GnuTLS counts DTLS as a version too, and takes a string that leaves only that. */
static bool any_version(const struct tls_context *c)
{
    const unsigned int *versions;
    int i, n = c->lib->priority_protocol_list(c->priority, &versions);

    for (i = 0; i < n; i++) {
        if (versions[i] < GNUTLS_DTLS_VERSION_MIN)
            return true;
    }
    return false;
}

/* AT is where GnuTLS stopped in TEXT, which begins with what the user gave. */
static int bad_priority(const char *wish, const char *text, const char *at, struct err *e)
{
    size_t len = strlen(wish), skip = at > text && at < text + len ? (size_t)(at - text) : 0;

    return err_set(e, ERR_USAGE, "--tls-priority is not understood at '%.100s'", wish + skip);
}

static int set_priority(struct tls_context *c, struct err *e)
{
    const char *wish = c->wishes.priority, *at = "";
    struct buf text;
    int code;

    buf_init(&text, PRIORITY_MAX);
    if (wish)
        buf_addf(&text, "%s:", wish);
    buf_addstr(&text, floor_1_2);
    if (c->wishes.at_least_1_3)
        buf_addstr(&text, floor_1_3);
    if (!wish || !strstr(wish, "%PROFILE_"))
        buf_addstr(&text, profile);
    code = c->lib->priority_init2(&c->priority, text.data, &at,
                                  wish ? 0 : GNUTLS_PRIORITY_INIT_DEF_APPEND);
    if (code < 0) {
        c->priority = NULL;
        bad_priority(wish ? wish : "", text.data, at, e);
    }
    buf_release(&text);
    if (code < 0)
        return -1;
    if (any_version(c))
        return 0;
    return err_set(e, ERR_USAGE, "--tls-priority and --tls-min leave no version of TLS");
}

/* "sha256//BASE64" or "sha256:HEX" of the SubjectPublicKeyInfo (RFC 7469 section 2.4). */
static bool parse_pin(const char *text, unsigned char out[PIN_BYTES])
{
    struct buf bytes;
    unsigned int byte;
    bool ok = false;
    size_t i;
    char end;

    if (text_starts(text, "sha256//")) {
        buf_init(&bytes, 256);
        text += strlen("sha256//");
        ok = !text_unbase64(&bytes, text, strlen(text)) && bytes.len == PIN_BYTES;
        if (ok)
            memcpy(out, bytes.data, PIN_BYTES);
        buf_release(&bytes);
    } else if (text_starts(text, "sha256:")) {
        text += strlen("sha256:");
        ok = strlen(text) == 2 * PIN_BYTES &&
             strspn(text, "0123456789abcdefABCDEF") == 2 * PIN_BYTES;
        for (i = 0; ok && i < PIN_BYTES; i++) {
            ok = sscanf(text + 2 * i, "%2x%c", &byte, &end) >= 1;
            out[i] = (unsigned char)byte;
        }
    }
    return ok;
}

static int read_pin(const char *text, unsigned char out[PIN_BYTES], struct err *e)
{
    if (parse_pin(text, out))
        return 0;
    err_set(e, ERR_USAGE, "--tls-pin '%.120s' is no pin", text);
    return err_hint(e, "it is sha256//BASE64 or sha256:HEX of the public key");
}

int tls_check_pins(const char *const *pins, struct err *e)
{
    unsigned char ignored[PIN_BYTES];

    for (; *pins; pins++) {
        if (read_pin(*pins, ignored, e))
            return -1;
    }
    return 0;
}

static int set_pins(struct tls_context *c, struct err *e)
{
    const char *const *pin = c->wishes.pins;
    size_t n = 0;

    while (pin && pin[n])
        n++;
    if (!n)
        return 0;
    c->pins = calloc(n, sizeof(*c->pins));
    if (!c->pins)
        return err_set(e, ERR_OS, "no memory for TLS");
    for (; *pin; pin++) {
        if (read_pin(*pin, c->pins[c->pin_count++], e))
            return -1;
    }
    return 0;
}

/* A pin stands in for the chain unless authorities were named as well. */
static bool needs_anchors(const struct tls_context *c)
{
    return c->wishes.verify && (!c->pin_count || c->wishes.ca_file);
}

static int set_trust(struct tls_context *c, struct err *e)
{
    if (!needs_anchors(c))
        return 0;
    if (c->wishes.ca_file)
        return anchors_read(&c->anchors, c->wishes.ca_file, e);
    if (anchors_read_system(&c->anchors) ||
        c->lib->certificate_set_x509_system_trust(c->credentials) > 0)
        return 0;
    err_set(e, ERR_CONFIG, "the system has no certificate authorities to trust");
    return err_hint(e, "install ca-certificates, or name a file with --tls-ca");
}

static bool is_pkcs11(const char *file)
{
    return text_starts(file, "pkcs11:");
}

static int check_readable(const char *option, const char *file, struct err *e)
{
    if (is_pkcs11(file) || !access(file, R_OK))
        return 0;
    return err_system(e, ERR_NOINPUT, errno, "%s '%.256s'", option, file);
}

/* A key that everybody can read is no secret. Groups are left alone: ssl-cert on Debian. */
static int check_key_file(const char *file, struct err *e)
{
    struct stat st;

    if (is_pkcs11(file) || stat(file, &st) || !S_ISREG(st.st_mode) || !(st.st_mode & S_IRWXO))
        return 0;
    err_set(e, ERR_CONFIG, "the key in '%.256s' can be read by everybody", file);
    return err_hint(e, "chmod o-rwx it");
}

/* How much of a file's name is told: of a URI not the attributes of its query, where the PIN is
 * (RFC 7512 section 2.4). */
static int told(const char *file)
{
    size_t len = is_pkcs11(file) ? strcspn(file, "?") : strlen(file);

    return len < 200 ? (int)len : 200;
}

static int bad_certificate(const struct tls_context *c, const char *certificate,
                           const char *key, int code, struct err *e)
{
    const char *words = c->lib->strerror(code);

    if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return err_set(e, ERR_CONFIG,
                       "the key '%.*s' does not belong to the certificate '%.*s'", told(key),
                       key, told(certificate), certificate);
    err_set(e, ERR_CONFIG, "the certificate '%.*s' with the key '%.*s' can't be used: %.*s",
            told(certificate), certificate, told(key), key, (int)strcspn(words, "."), words);
    return err_hint(e,
                    "both are PEM files or pkcs11: URIs; a key with a passphrase is not taken");
}

static int set_certificate(struct tls_context *c, struct err *e)
{
    const char *certificate = c->wishes.cert_file;
    const char *key = c->wishes.key_file ? c->wishes.key_file : certificate;
    int code;

    if (!certificate && key)
        return err_set(e, ERR_USAGE, "--tls-key needs --tls-cert");
    if (!certificate)
        return 0;
    if (check_readable("--tls-cert", certificate, e) || check_readable("--tls-key", key, e) ||
        check_key_file(key, e))
        return -1;
    code = c->lib->certificate_set_x509_key_file2(c->credentials, certificate, key,
                                                  GNUTLS_X509_FMT_PEM, NULL, 0);
    return code < 0 ? bad_certificate(c, certificate, key, code, e) : 0;
}

/* Mapping to A-labels drops what it does not like from a name, which then would be another. */
static bool is_plausible(const char *name, size_t len)
{
    bool ascii = true;
    size_t i;

    for (i = 0; i < len; i++)
        ascii = ascii && (unsigned char)name[i] < 0x80;
    for (i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)name[i];

        if (byte < 0x80 && !text_alnum(byte) && !strchr(ascii ? "-._:%" : "-.", byte))
            return false;
    }
    return len > 0;
}

int tls_ascii_name(const char *name, size_t len, struct buf *out, struct err *e)
{
    const struct tls_lib *lib;
    gnutls_datum_t mapped = {NULL, 0};
    size_t i;

    if (!is_plausible(name, len))
        return err_set(e, ERR_USAGE, "'%.*s' is no name to verify",
                       (int)(len < 256 ? len : 256), name);
    for (i = 0; i < len && (unsigned char)name[i] < 0x80; i++)
        ;
    if (i == len)
        return buf_add(out, name, len);
    lib = tls_lib_load(e);
    if (!lib)
        return -1;
    if (lib->idna_map(name, (unsigned int)len, &mapped, 0) < 0)
        return err_set(e, ERR_USAGE, "'%.*s' is no domain name", (int)(len < 256 ? len : 256),
                       name);
    buf_add(out, mapped.data, mapped.size);
    free(mapped.data);
    return 0;
}

/* The name to send and compare, without the dot that ends an absolute name. One that nobody will
 * compare may be none. */
static int set_name(struct tls_context *c, struct err *e)
{
    const char *name = c->wishes.name;
    size_t len = strlen(name);
    struct buf ascii;
    int status = 0;

    if (len && name[len - 1] == '.')
        len--;
    buf_init(&ascii, NAME_MAX_BYTES);
    if (needs_anchors(c) || is_plausible(name, len))
        status = tls_ascii_name(name, len, &ascii, e);
    c->name = status ? NULL : strdup(ascii.data);
    buf_release(&ascii);
    if (!status && !c->name)
        return err_set(e, ERR_OS, "no memory for TLS");
    return status;
}

static int fill(struct tls_context *c, struct err *e)
{
    int code = c->lib->certificate_allocate_credentials(&c->credentials);

    if (code < 0) {
        c->credentials = NULL;
        return err_set(e, ERR_OS, "TLS: %s", c->lib->strerror(code));
    }
    return set_pins(c, e) || set_name(c, e) || set_priority(c, e) || set_trust(c, e) ||
                   crls_read(c, e) || set_certificate(c, e)
               ? -1
               : 0;
}

struct tls_context *tls_context_new(const struct tls_wishes *wishes, struct err *e)
{
    const struct tls_lib *lib = tls_lib_load(e);
    struct tls_context *c = lib ? calloc(1, sizeof(*c)) : NULL;

    if (lib && !c)
        err_set(e, ERR_OS, "no memory for TLS");
    if (c) {
        c->lib = lib;
        c->wishes = *wishes;
        if (!fill(c, e))
            return c;
    }
    err_at(e, STAGE_TLS);
    tls_context_free(c);
    return NULL;
}

void tls_context_free(struct tls_context *c)
{
    if (!c)
        return;
    crls_release(c);
    if (c->priority)
        c->lib->priority_deinit(c->priority);
    if (c->credentials)
        c->lib->certificate_free_credentials(c->credentials);
    anchors_release(&c->anchors);
    free(c->pins);
    free(c->name);
    free(c);
}
