#include "registry/base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_MISSING = 71 };

static int fail(const vb_library *library, const char *why, vb_error *err)
{
    vb_fail(err, -ELIBACC, "%s cannot be loaded: %s", library->file, why ? why : "?");
    vb_hint(err, "install its package (docs/dependencies.md), or build vbutler again for the one that is there");
    return -ELIBACC;
}

static int load(vb_library *library, vb_error *err)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return fail(library, dlerror(), err);
    for (size_t i = 0; i < library->count; i++) {
        void *function = dlsym(handle, library->names[i]);

        if (!function)
            return fail(library, dlerror(), err);
        memcpy((char *)library->functions + i * sizeof function, &function, sizeof function);
    }
    atomic_store(&library->loaded, true);
    return 0;
}

int vb_library_load(vb_library *library, vb_error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int r = 0;

    if (atomic_load(&library->loaded))
        return 0;
    pthread_mutex_lock(&lock);
    if (!atomic_load(&library->loaded))
        r = load(library, err);
    pthread_mutex_unlock(&lock);
    return r;
}

void vb_library_need(vb_library *library)
{
    vb_auto_error err = VB_ERROR_INIT;

    if (vb_library_load(library, &err) < 0) {
        vb_error_print(&err);
        exit(EXIT_MISSING);
    }
}
