/* A word that is taken apart can be put together again; one that cannot is refused. */
#include "registry/base/buf.h"
#include "runner/command/template.h"
#include "tests/fuzz/fuzz.h"

static void put_literal(const char *text, vb_buf *out)
{
    for (; *text; text++) {
        if (*text == '{' || *text == '}')
            vb_buf_putc(out, *text);
        vb_buf_putc(out, *text);
    }
}

static void put_part(const vb_template_part *part, vb_buf *out)
{
    static const char *const prefixes[] =
        {[VB_PART_IN] = "in.",    [VB_PART_OUT] = "out.", [VB_PART_CONFIG] = "config.", [VB_PART_LABEL] = "label",
         [VB_PART_CPUS] = "cpus", [VB_PART_RUN] = "run",  [VB_PART_ELEMENT] = ""};

    if (part->kind == VB_PART_LITERAL) {
        put_literal(part->name, out);
        return;
    }
    vb_buf_printf(out, "{%s%s", prefixes[part->kind], part->name ? part->name : "");
    if (part->field)
        vb_buf_printf(out, ".%s", part->field);
    if (part->modifier)
        vb_buf_printf(out, ":%c", part->modifier);
    vb_buf_putc(out, '}');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_autofree char *word = vb_strndup((const char *)data, size);
    vb_auto_template t = {0};
    vb_auto_buf again = {0};
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_template_parse(word, &t, &err);

    if (r < 0) {
        check_refused(r, &err);
        check(!t.parts && !t.count);
        return 0;
    }
    for (size_t i = 0; i < t.count; i++)
        put_part(&t.parts[i], &again);
    check(!strcmp(vb_buf_text(&again), word));
    return 0;
}
