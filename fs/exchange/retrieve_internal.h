/* retrieve_internal.h - what retrieve.c and retrieve_file.c share. */
#ifndef VB_FS_EXCHANGE_RETRIEVE_INTERNAL_H
#define VB_FS_EXCHANGE_RETRIEVE_INTERNAL_H

#include "fs/exchange/retrieve.h"
#include "fs/store/store.h"

#include <uthash.h>

/* An artifact, and what became of it. */
struct retrieved {
    vb_location location;
    char *target;  /* below the directory */
    char *dataset; /* the first that has it, for messages */
    bool made, there;
    int64_t bytes;
    vb_error error;
    UT_hash_handle hh;
};

struct retrieving {
    const vb_repo *repo;
    vb_registry *reg;
    vb_stores *stores;
    const char *directory;
    const vb_retrieve_request *request;
    vb_retrieve_report *report;
    int dir;
    bool remote; /* some artifact is not on this machine */
    struct retrieved **items;
    size_t count, cap;
    struct retrieved *by_target;
};

/* Thread-safe for different items; what fails is item->error. */
void vb_retrieve_file(struct retrieving *r, struct retrieved *item);

#endif
