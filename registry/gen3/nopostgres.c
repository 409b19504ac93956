/* nopostgres.c - stands for postgres.c where libpq is missing. */
#include "registry/gen3/source.h"

int vb_gen3_source_postgres(const char *url, const char *schema, vb_gen3_source **out, vb_error *err)
{
    vb_fail(err, -EPROTONOSUPPORT, "the registry lies in PostgreSQL, and this vbutler was built without libpq");
    vb_hint(err, "build with: meson setup -Dpostgres=enabled (Debian: libpq-dev)");
    return -EPROTONOSUPPORT;
}
