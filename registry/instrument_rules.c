#include "registry/instrument_rules.h"

#include "registry/base/mem.h"
#include "registry/base/text.h"
#include "registry/internal.h"

#define EMBEDDED(name)                      \
    extern const char vb_embedded_##name[]; \
    extern const size_t vb_embedded_##name##_size;

EMBEDDED(instrument_decam)
EMBEDDED(instrument_90prime)
EMBEDDED(instrument_mosaic)

static const struct {
    const char *file, *text;
    const size_t *length;
} builtin[] = {
    {"decam.yaml", vb_embedded_instrument_decam, &vb_embedded_instrument_decam_size},
    {"90prime.yaml", vb_embedded_instrument_90prime, &vb_embedded_instrument_90prime_size},
    {"mosaic.yaml", vb_embedded_instrument_mosaic, &vb_embedded_instrument_mosaic_size},
};

const char *vb_instrument_rules_builtin(size_t number, const char **file, size_t *length)
{
    if (number >= VB_COUNT(builtin))
        return NULL;
    *file = builtin[number].file;
    *length = *builtin[number].length;
    return builtin[number].text;
}

int vb_instrument_rules_get(vb_registry *reg, const char *instrument, char **text, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    int r = vb_sql(reg->db, &s, err, "SELECT rules FROM instrument_rules WHERE instrument = ?", VB_ARGS(instrument));

    if (!r)
        r = vb_stmt_step(s, err);
    if (r > 0)
        *text = vb_strdup(vb_col_text(s, 0));
    return r;
}

int vb_instrument_rules_put(vb_registry *reg, const char *instrument, const char *text, vb_error *err)
{
    return vb_sql_exec(reg->db, err, "INSERT OR REPLACE INTO instrument_rules VALUES (?, ?)",
                       VB_ARGS(instrument, text));
}

int vb_instrument_rules_list(vb_registry *reg, char ***names, vb_error *err)
{
    vb_auto(vb_stmt_done) vb_stmt *s = NULL;
    char **list = vb_alloc(sizeof *list);
    int r = vb_sql(reg->db, &s, err, "SELECT instrument FROM instrument_rules ORDER BY instrument", VB_NO_ARGS);

    while (!r && (r = vb_stmt_step(s, err)) > 0) {
        vb_strv_add(&list, vb_col_text(s, 0));
        r = 0;
    }
    if (r < 0)
        vb_strv_free(list);
    else
        *names = list;
    return r;
}
