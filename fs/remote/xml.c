#include "fs/remote/xml.h"

#include "registry/base/buf.h"
#include "registry/base/library.h"
#include "registry/base/mem.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

/* clang-format off */
#define FUNCTIONS(X)                                                                                               \
    X(XML_GetCurrentLineNumber) X(XML_Parse) X(XML_ParserCreateNS) X(XML_ParserFree) X(XML_SetCharacterDataHandler) \
    X(XML_SetElementHandler) X(XML_SetStartDoctypeDeclHandler) X(XML_SetUserData) X(XML_StopParser)
/* clang-format on */
VB_LIBRARY(libexpat, VB_LIB_EXPAT, FUNCTIONS)

enum { MAX_DEPTH = 64, MAX_TEXT = 1 << 20 };

struct reader {
    XML_Parser parser;
    vb_xml_fn *each;
    void *arg;
    vb_buf path;
    vb_buf texts[MAX_DEPTH];
    size_t depth;
    int result;
};

static void stop(struct reader *r, int code)
{
    r->result = code;
    libexpat.XML_StopParser(r->parser, XML_FALSE);
}

/* "URI|name" or "name". */
static const char *local_name(const char *name)
{
    const char *bar = strrchr(name, '|');

    return bar ? bar + 1 : name;
}

static void XMLCALL begin(void *arg, const char *name, const char **attributes)
{
    struct reader *r = arg;

    if (r->depth == MAX_DEPTH) {
        stop(r, -EINVAL);
        return;
    }
    vb_buf_clear(&r->texts[r->depth++]);
    vb_buf_separate(&r->path, "/");
    vb_buf_puts(&r->path, local_name(name));
}

static void XMLCALL add_text(void *arg, const char *text, int n)
{
    struct reader *r = arg;

    if (!r->depth)
        return;
    if (r->texts[r->depth - 1].len + (size_t)n > MAX_TEXT)
        stop(r, -EINVAL);
    else
        vb_buf_add(&r->texts[r->depth - 1], text, (size_t)n);
}

static void XMLCALL end(void *arg, const char *name)
{
    struct reader *r = arg;
    char *slash;
    int code;

    if (!r->depth || r->result < 0)
        return;
    code = r->each(r->arg, vb_buf_text(&r->path), vb_buf_text(&r->texts[--r->depth]));
    if (code < 0)
        stop(r, code);
    slash = strrchr(r->path.data, '/');
    r->path.len = slash ? (size_t)(slash - r->path.data) : 0;
    r->path.data[r->path.len] = 0;
}

static void XMLCALL refuse_doctype(void *arg, const char *name, const char *system, const char *public, int internal)
{
    stop(arg, -EINVAL);
}

int vb_xml_read(const char *data, size_t n, vb_xml_fn *each, void *arg, vb_error *err)
{
    struct reader r = {.each = each, .arg = arg};
    bool whole;
    int loaded;

    if (n > INT_MAX)
        return vb_fail(err, -EINVAL, "the answer is too large");
    loaded = vb_library_load(&libexpat_library, err);
    if (loaded < 0)
        return loaded;
    r.parser = libexpat.XML_ParserCreateNS(NULL, '|');
    if (!r.parser)
        return vb_fail(err, -ENOMEM, "no memory for an answer");
    libexpat.XML_SetUserData(r.parser, &r);
    libexpat.XML_SetElementHandler(r.parser, begin, end);
    libexpat.XML_SetCharacterDataHandler(r.parser, add_text);
    libexpat.XML_SetStartDoctypeDeclHandler(r.parser, refuse_doctype);
    whole = libexpat.XML_Parse(r.parser, data, (int)n, 1) == XML_STATUS_OK;
    if (!whole && !r.result)
        r.result = -EINVAL;
    if (r.result == -EINVAL)
        vb_fail(err, -EINVAL, "the answer is no XML that a store would send (line %lu)",
                (unsigned long)libexpat.XML_GetCurrentLineNumber(r.parser));
    libexpat.XML_ParserFree(r.parser);
    vb_buf_free(&r.path);
    for (size_t i = 0; i < MAX_DEPTH; i++)
        vb_buf_free(&r.texts[i]);
    return r.result;
}

struct wanted {
    const char *path;
    char *text;
};

static int find(void *arg, const char *path, const char *text)
{
    struct wanted *w = arg;

    if (w->text || strcmp(path, w->path) != 0)
        return 0;
    w->text = vb_strdup(text);
    return -ECANCELED;
}

char *vb_xml_find(const char *data, size_t n, const char *path)
{
    struct wanted w = {.path = path};

    vb_xml_read(data, n, find, &w, NULL);
    return w.text;
}
