/* library.h - libraries that few commands need, loaded when one does.
 *
 * libpq, libcfitsio and libarchive bring forty others along (TLS, Kerberos, LDAP, Unicode): to load and relocate those
 * took two thirds of the time of a query command.  A source declares what it calls, and calls it through the variable:
 *
 *     #define FUNCTIONS(X) X(PQexec) X(PQclear)
 *     VB_LIBRARY(pq, VB_LIBPQ, FUNCTIONS)
 *     ...
 *     r = vb_library_load(&pq_library, err);
 *     if (!r) result = pq.PQexec(...);
 *
 * The compiler checks names and types against the library's header; the file's name is its SONAME, which meson asks the
 * linker's copy for.  A library stays loaded.  Threads may load one at the same time. */
#ifndef VB_BASE_LIBRARY_H
#define VB_BASE_LIBRARY_H

#include "registry/base/error.h"

#include <stdatomic.h>
#include <stddef.h>

typedef struct vb_library {
    const char *file;
    const char *const *names;
    void *functions; /* as many pointers */
    size_t count;
    atomic_bool loaded;
} vb_library;

/* -ELIBACC with a sentence where the library is missing, or is another one. */
int vb_library_load(vb_library *library, vb_error *err);

/* For what has no way to fail: ends the process with that sentence. */
void vb_library_need(vb_library *library);

#define VB_LIBRARY_FIELD(name) __typeof__(&name) name;
#define VB_LIBRARY_TEXT(name)  #name
#define VB_LIBRARY_NAME(name)  VB_LIBRARY_TEXT(name), /* cfitsio's names are macros of shorter ones */

#define VB_LIBRARY(variable, soname, FUNCTIONS)                                    \
    static struct {                                                                \
        FUNCTIONS(VB_LIBRARY_FIELD)                                                \
    } variable;                                                                    \
    static const char *const variable##_names[] = {FUNCTIONS(VB_LIBRARY_NAME)};    \
    static vb_library variable##_library = {soname, variable##_names, &(variable), \
                                            sizeof variable##_names / sizeof *variable##_names, false};

#endif
