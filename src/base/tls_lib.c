#include "base/tls_lib.h"

#include <dlfcn.h>
#include <stdlib.h>

static const char library[] = "libgnutls.so.30";

static int find(void *handle, struct tls_lib *lib, struct err *e)
{
/* dlsym's result goes through a void pointer object: ISO C has no cast from one to the other. */
#define TLS_LIB_FUNCTION(name)                                                                 \
    *(void **)&lib->name = dlsym(handle, "gnutls_" #name);                                     \
    if (!lib->name)                                                                            \
        return err_set(e, ERR_OS, "%s lacks gnutls_" #name, library);
#include "base/tls_lib.def"
#undef TLS_LIB_FUNCTION
    return 0;
}

const struct tls_lib *tls_lib_load(struct err *e)
{
    /* Written once, by the first call; the program has one thread. */
    static struct tls_lib lib;
    static void *handle;

    if (handle)
        return &lib;
    /* GnuTLS would write the keys of our sessions to the file that this names. */
    unsetenv("SSLKEYLOGFILE");
    handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        err_set(e, ERR_OS, "can't load GnuTLS (%s)", library);
        err_hint(e, "install the package libgnutls30 (gnutls)");
        return NULL;
    }
    if (find(handle, &lib, e)) {
        dlclose(handle);
        handle = NULL;
        return NULL;
    }
    return &lib;
}
