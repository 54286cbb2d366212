/* sasl_gss.c: GSSAPI (RFC 4752), by Kerberos's library, loaded only when chosen. */
#include "smtp/sasl_mechanisms.h"

#ifdef HAVE_GSSAPI

#include "base/text.h"

#include <dlfcn.h>
#include <gssapi/gssapi.h>
#include <stdlib.h>
#include <string.h>

/* The functions that are used, under their names without prefix. */
struct gss_lib {
    __typeof__(&gss_import_name) import_name;
    __typeof__(&gss_init_sec_context) init_sec_context;
    __typeof__(&gss_delete_sec_context) delete_sec_context;
    __typeof__(&gss_wrap) wrap;
    __typeof__(&gss_unwrap) unwrap;
    __typeof__(&gss_display_status) display_status;
    __typeof__(&gss_release_buffer) release_buffer;
    __typeof__(&gss_release_name) release_name;
};

struct gss {
    void *handle;
    struct gss_lib lib;
    gss_name_t server;
    gss_ctx_id_t context;
    bool established, finished;
};

static const char library[] = "libgssapi_krb5.so.2";

/* GSS_C_NT_HOSTBASED_SERVICE and the Kerberos V5 mechanism (RFC 2743, RFC 1964). */
static gss_OID_desc hostbased_service = {10, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04"};
static gss_OID_desc krb5 = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};

/* Security layers (RFC 4752 section 3.1): none is all we take, TLS protects the rest. */
enum { LAYER_NONE = 1, LAYER_BYTES = 4 };

static int find(struct gss *g, const char *name, void *function, struct err *e)
{
    void *found = dlsym(g->handle, name);

    if (!found)
        return err_set(e, ERR_OS, "%s lacks %s", library, name);
    memcpy(function, &found, sizeof(found));
    return 0;
}

static int load(struct gss *g, struct err *e)
{
    g->handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!g->handle) {
        err_set(e, ERR_OS, "can't load Kerberos (%s)", library);
        return err_hint(e, "install the package libgssapi-krb5-2");
    }
    return find(g, "gss_import_name", &g->lib.import_name, e) ||
                   find(g, "gss_init_sec_context", &g->lib.init_sec_context, e) ||
                   find(g, "gss_delete_sec_context", &g->lib.delete_sec_context, e) ||
                   find(g, "gss_wrap", &g->lib.wrap, e) ||
                   find(g, "gss_unwrap", &g->lib.unwrap, e) ||
                   find(g, "gss_display_status", &g->lib.display_status, e) ||
                   find(g, "gss_release_buffer", &g->lib.release_buffer, e) ||
                   find(g, "gss_release_name", &g->lib.release_name, e)
               ? -1
               : 0;
}

/* Kerberos's words for what failed. */
static enum sasl_result failed(struct gss *g, OM_uint32 major, OM_uint32 minor, struct err *e)
{
    gss_buffer_desc words = GSS_C_EMPTY_BUFFER;
    OM_uint32 status, more = 0;
    bool special = GSS_ROUTINE_ERROR(major) == GSS_S_FAILURE || minor;
    struct buf shown;

    buf_init(&shown, 512);
    g->lib.display_status(&status, special ? minor : major,
                          special ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, &krb5, &more, &words);
    text_escape(&shown, words.value, words.length < 200 ? words.length : 200);
    g->lib.release_buffer(&status, &words);
    err_set(e, ERR_NOPERM, "Kerberos: %s", shown.data);
    err_hint(e, "is there a ticket (klist, kinit)?");
    buf_release(&shown);
    return SASL_UNABLE;
}

static enum sasl_result begin(struct sasl *s, struct err *e)
{
    struct gss *g = calloc(1, sizeof(*g));
    gss_buffer_desc name;
    OM_uint32 major, minor;
    struct buf text;

    if (!g) {
        err_set(e, ERR_OS, "no memory for GSSAPI");
        return SASL_UNABLE;
    }
    s->state = g;
    if (load(g, e))
        return SASL_UNABLE;
    buf_init(&text, 512);
    buf_addf(&text, "smtp@%s", s->host ? s->host : "localhost");
    name = (gss_buffer_desc){text.len, text.data};
    major = g->lib.import_name(&minor, &name, &hostbased_service, &g->server);
    buf_release(&text);
    return GSS_ERROR(major) ? failed(g, major, minor, e) : SASL_OK;
}

/* One token of the context's establishment. */
static enum sasl_result establish(struct gss *g, gss_buffer_t input, struct buf *response,
                                  struct err *e)
{
    gss_buffer_desc output = GSS_C_EMPTY_BUFFER;
    OM_uint32 major, minor, flags = 0;
    const OM_uint32 wanted = GSS_C_MUTUAL_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG;

    major = g->lib.init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &g->context, g->server, &krb5,
                                    wanted, 0, GSS_C_NO_CHANNEL_BINDINGS, input, NULL, &output,
                                    &flags, NULL);
    buf_add(response, output.value, output.length);
    if (GSS_ERROR(major)) {
        enum sasl_result result = failed(g, major, minor, e);

        g->lib.release_buffer(&minor, &output);
        return result;
    }
    g->lib.release_buffer(&minor, &output);
    g->established = major == GSS_S_COMPLETE;
    if (g->established && !(flags & GSS_C_MUTUAL_FLAG)) {
        err_set(e, ERR_PROTOCOL, "the server did not prove itself by Kerberos");
        return SASL_FRAUD;
    }
    return SASL_OK;
}

/* The server offers layers and a size; we choose none, and say whom to act as. */
static enum sasl_result choose_layer(struct sasl *s, gss_buffer_t input, struct buf *response,
                                     struct err *e)
{
    struct gss *g = s->state;
    gss_buffer_desc offer = GSS_C_EMPTY_BUFFER, output = GSS_C_EMPTY_BUFFER, choice;
    const char *authzid = s->identity->authzid ? s->identity->authzid : s->identity->user;
    OM_uint32 major, minor;
    struct buf text;
    bool none;

    major = g->lib.unwrap(&minor, g->context, input, &offer, NULL, NULL);
    if (GSS_ERROR(major))
        return failed(g, major, minor, e);
    none = offer.length == LAYER_BYTES && (((unsigned char *)offer.value)[0] & LAYER_NONE);
    g->lib.release_buffer(&minor, &offer);
    if (!none) {
        err_set(e, ERR_UNAVAILABLE, "the server wants a security layer besides TLS");
        return SASL_UNABLE;
    }
    buf_init(&text, 1024);
    buf_add(&text, "\x01\0\0\0", LAYER_BYTES);
    buf_addstr(&text, authzid ? authzid : "");
    choice = (gss_buffer_desc){text.len, text.data};
    major = g->lib.wrap(&minor, g->context, 0, GSS_C_QOP_DEFAULT, &choice, NULL, &output);
    buf_release(&text);
    if (GSS_ERROR(major))
        return failed(g, major, minor, e);
    buf_add(response, output.value, output.length);
    g->lib.release_buffer(&minor, &output);
    g->finished = true;
    return SASL_OK;
}

static enum sasl_result respond(struct sasl *s, const char *challenge, size_t len,
                                struct buf *response, struct err *e)
{
    gss_buffer_desc input = {len, (void *)challenge};
    enum sasl_result result = s->state ? SASL_OK : begin(s, e);
    struct gss *g = s->state;

    if (result != SASL_OK)
        return result;
    if (g->finished) {
        err_set(e, ERR_PROTOCOL, "the server asks more than GSSAPI has to say");
        return SASL_UNABLE;
    }
    return g->established ? choose_layer(s, &input, response, e)
                          : establish(g, &input, response, e);
}

static enum sasl_result finish(struct sasl *s, struct err *e)
{
    const struct gss *g = s->state;

    if (g && g->finished)
        return SASL_OK;
    err_set(e, ERR_PROTOCOL, "the server says yes before it proved itself by Kerberos");
    return SASL_FRAUD;
}

static void release(struct sasl *s)
{
    struct gss *g = s->state;
    OM_uint32 minor;

    if (!g)
        return;
    if (g->context)
        g->lib.delete_sec_context(&minor, &g->context, GSS_C_NO_BUFFER);
    if (g->server)
        g->lib.release_name(&minor, &g->server);
    /* The library stays loaded: it has threads' data that must outlive it. */
    free(g);
}

const struct sasl_mechanism sasl_gssapi = {.name = "GSSAPI",
                                           .proof = SASL_TICKET,
                                           .authzid = true,
                                           .initial = true,
                                           .respond = respond,
                                           .finish = finish,
                                           .release = release};

#endif
