/* cleanup.h - what a scope holds is given back when the scope is left.
 *
 *     vb_autofree char *name = NULL;
 *     vb_autoclose int fd = -1;
 *     vb_auto(vb_registry_close) vb_registry *reg = NULL;
 *
 * A variable so marked is initialised where it is declared.  To hand its value on, return VB_STEAL(name). */
#ifndef VB_BASE_CLEANUP_H
#define VB_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Names the function that vb_auto(fn) calls at the end of the scope; fn is not called for NULL. */
#define VB_CLEANUP(type, fn)                  \
    static inline void fn##_cleanup(type **p) \
    {                                         \
        if (*p)                               \
            fn(*p);                           \
    }

#define vb_auto(fn) __attribute__((cleanup(fn##_cleanup)))

static inline void vb_free_cleanup(void *p)
{
    free(*(void **)p);
}

static inline void vb_close_cleanup(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

VB_CLEANUP(FILE, fclose)

#define vb_autofree  __attribute__((cleanup(vb_free_cleanup)))
#define vb_autoclose __attribute__((cleanup(vb_close_cleanup)))

/* The value of `p`, which no longer holds it. */
#define VB_STEAL(p)                  \
    ({                               \
        __auto_type vb_stolen = (p); \
        (p) = NULL;                  \
        vb_stolen;                   \
    })

static inline int vb_steal_fd(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#endif
