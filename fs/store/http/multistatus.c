/* multistatus.c - RFC 4918, 14.16. */
#include "fs/remote/date.h"
#include "fs/remote/xml.h"
#include "fs/store/http/dav.h"
#include "registry/base/mem.h"
#include "registry/base/text.h"

#include <string.h>

struct entry {
    vb_dav_entry_fn *each;
    void *arg;
    char *href;
    bool directory;
    vb_object object;
};

static void clear(struct entry *e)
{
    free(VB_STEAL(e->href));
    e->directory = false;
    e->object = (vb_object){.size = -1, .mtime = -1};
}

static int take(void *arg, const char *path, const char *text)
{
    static const char response[] = "multistatus/response";
    struct entry *e = arg;
    int r = 0;

    if (!vb_starts_with(path, response))
        return 0;
    path += strlen(response);
    if (!*path) {
        if (e->href)
            r = e->each(e->arg, e->href, e->directory, &e->object);
        clear(e);
    } else if (!strcmp(path, "/href") && !e->href) {
        e->href = vb_strdup(text);
    } else if (!strcmp(path, "/propstat/prop/resourcetype/collection")) {
        e->directory = true;
    } else if (!strcmp(path, "/propstat/prop/getcontentlength")) {
        if (!vb_parse_int(text, &e->object.size) || e->object.size < 0)
            e->object.size = -1;
    } else if (!strcmp(path, "/propstat/prop/getlastmodified")) {
        e->object.mtime = vb_remote_date(text);
    } else if (!strcmp(path, "/propstat/prop/getetag") && strlen(text) < sizeof e->object.etag) {
        strcpy(e->object.etag, text);
    }
    return r;
}

int vb_dav_parse(const char *data, size_t n, vb_dav_entry_fn *each, void *arg, vb_error *err)
{
    struct entry e = {.each = each, .arg = arg};
    int r;

    clear(&e);
    r = vb_xml_read(data, n, take, &e, err);
    clear(&e);
    return r;
}
