/* write_members.c - datasets go into TAGGED and CALIBRATION collections, and out of them. */
#include "registry/association.h"
#include "registry/base/mem.h"
#include "registry/calibration.h"
#include "tools/bench/work/writing.h"

static const vb_timespan span = {1000, 2000};

static int associate(bench *b, const vb_collection *c, int64_t *n)
{
    return vb_associate(b->reg, c, n, b->err);
}

static int disassociate(bench *b, const vb_collection *c, int64_t *n)
{
    return vb_disassociate(b->reg, c, n, b->err);
}

static int certify(bench *b, const vb_collection *c, int64_t *n)
{
    return vb_calibration_certify(b->reg, c, span, n, b->err);
}

static int decertify(bench *b, const vb_collection *c, int64_t *n)
{
    const vb_dataset_type *type;
    int r = writing_type(b, &type);

    return r < 0 ? r : vb_calibration_decertify(b->reg, c, type, span, true, n, b->err);
}

int write_members(bench *b)
{
    static const struct {
        const char *name;
        writing_fn *act;
        vb_collection_type type;
    } lines[] = {
        {"associate", associate, VB_TAGGED},
        {"disassociate", disassociate, VB_TAGGED},
        {"certify", certify, VB_CALIBRATION},
        {"decertify", decertify, VB_CALIBRATION},
    };
    double seconds[VB_COUNT(lines)][WRITING_ROUNDS], ignored;
    int r = writing_put(b, "bench/members", WRITING_DIRECT, &ignored);

    for (int round = 0; !r && round < WRITING_ROUNDS; round++)
        for (size_t i = 0; !r && i < VB_COUNT(lines); i++) {
            const char *name = lines[i].type == VB_TAGGED ? "bench/tagged" : "bench/calib";
            const vb_collection *c;

            r = writing_collection(b, name, lines[i].type, &c);
            if (!r)
                r = writing_time(b, lines[i].act, c, &seconds[i][round]);
        }
    for (size_t i = 0; !r && i < VB_COUNT(lines); i++)
        writing_tell(b, lines[i].name, seconds[i]);
    return r;
}
