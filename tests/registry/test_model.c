/* Random sequences of everything that changes collections, on a registry and on a plain model (model.h): after each
 * step both answer alike.
 *
 *     test_registry_model [SEQUENCES [SEED]]      default 1000 1 */
#include "registry/association.h"
#include "registry/calibration.h"
#include "registry/internal.h"
#include "registry/prune.h"
#include "tests/registry/fixture.h"
#include "tests/registry/model.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STEPS = 40, TIMES = 12 };

static int sequences = 1000;
static uint64_t seed = 1;

typedef struct world {
    fixture *f;
    vb_registry *reg;
    const vb_dataset_type *types[M_TYPES];
    model m;
    uint64_t random;
    int sequence, step;
    char what[256]; /* the step, for a message */
    vb_error err;
} world;

static int pick(world *w, int n)
{
    /* splitmix64 */
    uint64_t z = w->random += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

#define CHECK(w, condition, ...)                                                              \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            print_message("sequence %d, step %d: %s\n", (w)->sequence, (w)->step, (w)->what); \
            fail_msg(__VA_ARGS__);                                                            \
        }                                                                                     \
    } while (0)

static vb_timespan pick_span(world *w)
{
    int a = pick(w, TIMES), b = a + 1 + pick(w, TIMES);

    return (vb_timespan){a ? a * INT64_C(1000000000) : VB_TIME_MIN, b >= TIMES ? VB_TIME_MAX : b * INT64_C(1000000000)};
}

static int pick_collection(world *w)
{
    int c = pick(w, M_COLLECTIONS);

    for (int i = 0; i < M_COLLECTIONS; i++)
        if (w->m.collections[(c + i) % M_COLLECTIONS].there)
            return (c + i) % M_COLLECTIONS;
    return -1;
}

static int pick_of_type(world *w, vb_collection_type type)
{
    int c = pick(w, M_COLLECTIONS);

    for (int i = 0; i < M_COLLECTIONS; i++)
        if (w->m.collections[(c + i) % M_COLLECTIONS].type == type)
            return (c + i) % M_COLLECTIONS;
    return pick_collection(w);
}

static const vb_collection *collection(world *w, int c)
{
    const vb_collection *out = NULL;

    CHECK(w, !vb_collection_find(w->reg, w->m.collections[c].name, &out, &w->err), "%s", w->err.message);
    return out;
}

static vb_dataid dataid(world *w, int type, int key)
{
    vb_dataid id = {.group = w->types[type]->group};

    if (type != M_PACKAGES) {
        id.values[0] = vb_value_text("Cam");
        id.values[1] = vb_value_int(key);
    }
    return id;
}

/* A few datasets, those that are gone among them, selected in both. */
static m_set pick_datasets(world *w)
{
    vb_dataset chosen[M_DATASETS];
    m_set set = {{0}};
    size_t n = 0;

    for (int i = 0, times = 1 + pick(w, 4); w->m.ndatasets && i < times; i++)
        set.has[pick(w, w->m.ndatasets)] = true;
    for (int i = 0; i < w->m.ndatasets; i++)
        if (set.has[i])
            chosen[n++] = (vb_dataset){.id = w->m.datasets[i].id, .type = w->types[w->m.datasets[i].type]};
    assert_ok(vb_select_datasets(w->reg, chosen, n, &w->err), &w->err);
    return set;
}

/* ---- steps: each does it in both; what the registry says is returned, what the model says in *expected ----------- */

static int step_register(world *w, bool *expected)
{
    int slot = pick(w, M_COLLECTIONS), there;
    vb_collection_type type = (vb_collection_type)(1 + pick(w, 4));
    m_collection *c = &w->m.collections[slot];
    char name[16];

    snprintf(name, sizeof name, "c/%d", pick(w, M_COLLECTIONS));
    there = m_named(&w->m, name);
    snprintf(w->what, sizeof w->what, "register %s as %s", name, vb_collection_type_name(type));
    *expected = there < 0 ? !c->there : w->m.collections[there].type == type;
    if (there < 0 && c->there) /* no room in the model */
        return -ENOSPC;
    if (there < 0) {
        *c = (m_collection){.there = true, .type = type};
        strcpy(c->name, name);
    }
    return vb_collection_register(w->reg, name, type, NULL, NULL, &w->err);
}

static int step_put(world *w, bool *expected)
{
    int type = pick(w, M_TYPES), key = pick(w, m_keys(type)), run = pick_of_type(w, VB_RUN), r;
    vb_auto_dataset d = {.type = w->types[type], .dataid = dataid(w, type, key)};
    vb_location l = {.store_id = 1, .path = (char *)"a/b", .size = 1, .mtime = -1};

    *expected = false;
    if (run < 0 || w->m.collections[run].type != VB_RUN || w->m.ndatasets == M_DATASETS)
        return -ENOSPC;
    snprintf(w->what, sizeof w->what, "put %s %d into %s", w->types[type]->name, key, w->m.collections[run].name);
    d.run_id = collection(w, run)->id;
    r = vb_dataset_insert(w->reg, &d, &l, &w->err);
    *expected = m_put(&w->m, type, key, run, d.id);
    return r;
}

static int step_associate(world *w, bool *expected)
{
    int c = pick_of_type(w, VB_TAGGED);
    bool in = pick(w, 3);
    int64_t n;
    m_set set;

    *expected = false;
    if (c < 0)
        return -ENOSPC;
    set = pick_datasets(w);
    snprintf(w->what, sizeof w->what, "%s %s", in ? "associate with" : "disassociate from", w->m.collections[c].name);
    *expected = in ? m_associate(&w->m, c, &set) : m_disassociate(&w->m, c, &set);
    return in ? vb_associate(w->reg, collection(w, c), &n, &w->err)
              : vb_disassociate(w->reg, collection(w, c), &n, &w->err);
}

static int step_certify(world *w, bool *expected)
{
    int c = pick_of_type(w, VB_CALIBRATION);
    vb_timespan span = pick_span(w);
    int64_t n;
    m_set set;

    *expected = false;
    if (c < 0 || w->m.nranges > M_RANGES / 2)
        return -ENOSPC;
    set = pick_datasets(w);
    if (!pick(w, 20))
        span.end = span.begin; /* refused */
    snprintf(w->what, sizeof w->what, "certify in %s for %" PRId64 " to %" PRId64, w->m.collections[c].name, span.begin,
             span.end);
    *expected = m_certify(&w->m, c, &set, span);
    return vb_calibration_certify(w->reg, collection(w, c), span, &n, &w->err);
}

static int step_decertify(world *w, bool *expected)
{
    int c = pick_of_type(w, VB_CALIBRATION), type = M_BIAS + pick(w, 2);
    vb_timespan span = pick_span(w);
    bool selected = pick(w, 2);
    int64_t n;
    m_set set;

    *expected = false;
    if (c < 0)
        return -ENOSPC;
    set = pick_datasets(w);
    snprintf(w->what, sizeof w->what, "decertify %s in %s for %" PRId64 " to %" PRId64, w->types[type]->name,
             w->m.collections[c].name, span.begin, span.end);
    *expected = m_decertify(&w->m, c, type, span, selected ? &set : NULL);
    return vb_calibration_decertify(w->reg, collection(w, c), w->types[type], span, selected, &n, &w->err);
}

static int step_chain(world *w, bool *expected)
{
    int c = pick_of_type(w, VB_CHAINED), children[3], n = 0, r;
    vb_chain_mode mode = (vb_chain_mode)pick(w, 5);
    char **names = vb_strv_dup(NULL);

    *expected = false;
    for (int times = pick(w, 4); c >= 0 && n < times; n++) {
        children[n] = pick_collection(w);
        if (mode != VB_CHAIN_POP)
            vb_strv_add(&names, w->m.collections[children[n]].name);
    }
    if (c >= 0) {
        snprintf(w->what, sizeof w->what, "chain %s, mode %d, %d children", w->m.collections[c].name, (int)mode, n);
        *expected = m_chain(&w->m, c, children, n, mode);
    }
    r = c < 0 ? -ENOSPC : vb_chain_edit(w->reg, collection(w, c), names, mode, &w->err);
    vb_strv_free(names);
    return r;
}

static int step_purge(world *w, bool *expected)
{
    m_set set = pick_datasets(w);
    bool force = pick(w, 2);
    int r;

    snprintf(w->what, sizeof w->what, "purge%s", force ? " with force" : "");
    *expected = m_purge(&w->m, &set, force);
    r = force ? 0 : vb_prune_check_unreferenced(w->reg, &w->err);
    return r < 0 ? r : vb_prune_selected(w->reg, true, &w->err);
}

static int step_unstore(world *w, bool *expected)
{
    m_set set = pick_datasets(w);

    strcpy(w->what, "unstore");
    *expected = m_unstore(&w->m, &set);
    return vb_prune_selected(w->reg, false, &w->err);
}

static int step_remove(world *w, bool *expected)
{
    int c = pick_collection(w);
    bool run = c >= 0 && w->m.collections[c].type == VB_RUN, force = pick(w, 2);
    const vb_collection *it;

    *expected = false;
    if (c < 0)
        return -ENOSPC;
    it = collection(w, c);
    run = pick(w, 8) ? run : !run;
    snprintf(w->what, sizeof w->what, "remove %s %s%s", run ? "run" : "collection", it->name,
             force ? " with force" : "");
    *expected = run ? m_remove_run(&w->m, c, force) : m_remove(&w->m, c, force);
    return run ? vb_run_remove(w->reg, it, force, &w->err) : vb_collection_remove(w->reg, it, force, &w->err);
}

static int step_rename(world *w, bool *expected)
{
    int c = pick_collection(w), there;
    const vb_collection *it;
    char name[16];

    *expected = false;
    if (c < 0)
        return -ENOSPC;
    it = collection(w, c);
    snprintf(name, sizeof name, "c/%d", pick(w, M_COLLECTIONS));
    snprintf(w->what, sizeof w->what, "rename %s to %s", it->name, name);
    there = m_named(&w->m, name);
    *expected = there < 0 || there == c;
    if (*expected)
        strcpy(w->m.collections[c].name, name);
    return vb_collection_rename(w->reg, it, name, &w->err);
}

/* ---- both answer alike ------------------------------------------------------------------------------------------- */

static int pick_search(world *w, int out[3], vb_search *search)
{
    int n = 1 + pick(w, 3);
    char **names = vb_strv_dup(NULL);

    for (int i = 0; i < n; i++) {
        out[i] = pick_collection(w);
        if (out[i] < 0) {
            n = 0;
            break;
        }
        vb_strv_add(&names, w->m.collections[out[i]].name);
    }
    assert_ok(vb_search_resolve(w->reg, names, search, &w->err), &w->err);
    vb_strv_free(names);
    return n;
}

static void check_finds(world *w)
{
    vb_auto_search search = {0};
    vb_timespan when = pick_span(w);
    int from[3], n = pick_search(w, from, &search);

    for (int type = 0; n && type < M_TYPES; type++)
        for (int key = 0; key < m_keys(type); key++)
            for (int timed = 0; timed < 2; timed++) {
                vb_auto_dataid id = dataid(w, type, key);
                vb_auto_dataset found = {0};
                vb_auto_error err = VB_ERROR_INIT;
                int wanted = m_find(&w->m, from, n, type, key, timed ? &when : NULL),
                    r = timed ? vb_dataset_find_at(w->reg, w->types[type], &id, &search, when, &found, &err)
                              : vb_dataset_find(w->reg, w->types[type], &id, &search, &found, &err);

                CHECK(w, r == (wanted == -2 ? -EINVAL : wanted >= 0), "finding %s %d: %d, and %d in the model (%s)",
                      w->types[type]->name, key, r, wanted, err.message ? err.message : "no error");
                if (r > 0)
                    CHECK(w, found.id == w->m.datasets[wanted].id, "finding %s %d: another one", w->types[type]->name,
                          key);
            }
}

static int put_in_set(void *arg, const vb_dataset *d, vb_error *err)
{
    world *w = ((void **)arg)[0];
    m_set *set = ((void **)arg)[1];

    for (int i = 0; i < w->m.ndatasets; i++)
        if (w->m.datasets[i].id == d->id && w->m.datasets[i].there)
            set->has[i] = true;
    return 0;
}

static void check_selection(world *w)
{
    vb_auto_search search = {0};
    int from[3], n = pick_search(w, from, &search), r;
    bool find_first = pick(w, 2), defined;
    vb_selecting what = {.find_first = find_first};
    m_set wanted, found = {{0}};
    void *both[] = {w, &found};
    char **names = vb_strv_dup(NULL);
    int64_t count = 0, expected = 0;

    for (int i = 0; i < n; i++)
        vb_strv_add(&names, w->m.collections[from[i]].name);
    what.collections = names;
    defined = m_select(&w->m, from, n, find_first, &wanted);
    r = vb_select(w->reg, &what, &count, &w->err);
    vb_strv_free(names);
    CHECK(w, r == (defined ? 0 : -EINVAL), "selecting: %d (%s)", r, w->err.message);
    vb_error_clear(&w->err);
    if (!defined)
        return;
    assert_ok(vb_selected_each(w->reg, put_in_set, both, &w->err), &w->err);
    for (int i = 0; i < w->m.ndatasets; i++)
        expected += wanted.has[i];
    CHECK(w, !memcmp(&wanted, &found, sizeof wanted) && count == expected,
          "selecting: %" PRId64 " datasets, and %" PRId64 " in the model", count, expected);
}

struct ranges {
    world *w;
    int collection, count;
};

static int check_range(void *arg, int64_t dataset_id, vb_timespan span, vb_error *err)
{
    struct ranges *r = arg;
    const model *m = &r->w->m;

    r->count++;
    for (int i = 0; i < m->nranges; i++)
        if (m->ranges[i].collection == r->collection && m->datasets[m->ranges[i].dataset].id == dataset_id &&
            m->ranges[i].span.begin == span.begin && m->ranges[i].span.end == span.end)
            return 0;
    CHECK(r->w, false, "a range that the model does not have: %" PRId64 " to %" PRId64, span.begin, span.end);
    return -1;
}

static void check_ranges(world *w)
{
    for (int c = 0; c < M_COLLECTIONS; c++) {
        struct ranges r = {w, c, 0};
        int wanted = 0;

        if (w->m.collections[c].type != VB_CALIBRATION)
            continue;
        for (int type = 0; type < M_TYPES; type++)
            assert_ok(vb_calibration_each(w->reg, collection(w, c), w->types[type], check_range, &r, &w->err), &w->err);
        for (int i = 0; i < w->m.nranges; i++)
            wanted += w->m.ranges[i].collection == c;
        CHECK(w, r.count == wanted, "%d ranges in %s, and %d in the model", r.count, w->m.collections[c].name, wanted);
    }
}

static void check_chains(world *w)
{
    for (int c = 0; c < M_COLLECTIONS; c++) {
        const m_collection *it = &w->m.collections[c];
        char **names = NULL;

        if (it->type != VB_CHAINED)
            continue;
        assert_ok(vb_collection_children(w->reg, collection(w, c), &names, &w->err), &w->err);
        CHECK(w, (int)vb_strv_count(names) == it->count, "%s has %zu children", it->name, vb_strv_count(names));
        for (int i = 0; i < it->count; i++)
            CHECK(w, !strcmp(names[i], w->m.collections[it->children[i]].name), "%s has child %s", it->name, names[i]);
        vb_strv_free(names);
    }
}

static int64_t rows(world *w, const char *table)
{
    vb_autofree char *sql = vb_format("SELECT count(*) FROM %s", table);
    int64_t n = -1;

    assert_ok(vb_sql_int(w->reg->db, &n, &w->err, sql, VB_NO_ARGS), &w->err);
    return n;
}

/* Each reference is in the index of references, and it has no other; nothing is left of what is gone. */
static void check_indices(world *w)
{
    int64_t references = 0, datasets = 0, stored = 0, members = 0;

    for (int d = 0; d < w->m.ndatasets; d++) {
        vb_auto_location l = {0};
        bool has = w->m.datasets[d].there && w->m.datasets[d].stored;

        CHECK(w, vb_location_get(w->reg, w->m.datasets[d].id, &l, &w->err) == has, "dataset %d: an artifact, or none", d);
        stored += has;
        datasets += w->m.datasets[d].there;
        for (int c = 0; c < M_COLLECTIONS; c++) {
            bool in = w->m.collections[c].has[d];

            members += in;
            for (int i = 0; i < w->m.nranges; i++)
                in = in || (w->m.ranges[i].collection == c && w->m.ranges[i].dataset == d);
            references += in;
        }
    }
    CHECK(w, rows(w, "association") == references, "%" PRId64 " associations, and %" PRId64 " in the model",
          rows(w, "association"), references);
    CHECK(w, rows(w, "dataset") == datasets, "%" PRId64 " datasets, and %" PRId64 " in the model", rows(w, "dataset"),
          datasets);
    CHECK(w, rows(w, "location") == stored, "%" PRId64 " locations, and %" PRId64 " in the model", rows(w, "location"),
          stored);
    CHECK(w, rows(w, "location") + rows(w, "trash") == w->m.ndatasets, "an artifact is neither known nor trash");
    CHECK(w, rows(w, "member_1") + rows(w, "member_2") == datasets + members, "%" PRId64 " members of %" PRId64,
          rows(w, "member_1") + rows(w, "member_2"), datasets + members);
    CHECK(w, rows(w, "calib_1") + rows(w, "calib_2") == w->m.nranges, "ranges are left");
}

static void run_step(world *w)
{
    static int (*const steps[])(world *, bool *) = {
        step_register,  step_register,  step_put,     step_put,     step_put,       step_put,
        step_associate, step_associate, step_certify, step_certify, step_decertify, step_decertify,
        step_chain,     step_chain,     step_purge,   step_unstore, step_remove,    step_rename,
    };
    vb_auto_txn txn = {0};
    bool expected = false;
    int r;

    assert_ok(vb_registry_begin(w->reg, &txn, &w->err), &w->err);
    strcpy(w->what, "nothing");
    r = steps[w->step < 6 ? w->step % 3 : pick(w, VB_COUNT(steps))](w, &expected);
    CHECK(w, (r >= 0) == expected, "%s, and the model says it %s", r < 0 && w->err.message ? w->err.message : "done",
          expected ? "can be done" : "cannot");
    if (r >= 0)
        assert_ok(vb_txn_commit(&txn, &w->err), &w->err);
    vb_error_clear(&w->err);
}

static void a_registry_and_a_plain_model_answer_alike(void **state)
{
    world *w = VB_NEW(world);

    w->f = *state;
    w->reg = w->f->reg;
    w->types[M_IMAGE] = fixture_type(w->f, "image", "instrument,detector");
    w->types[M_BIAS] = fixture_calibration_type(w->f, "bias", "instrument,detector");
    w->types[M_PACKAGES] = fixture_calibration_type(w->f, "packages", "");
    for (w->sequence = 0; w->sequence < sequences; w->sequence++) {
        vb_auto_txn txn = {0}; /* undone at the end of the sequence */

        w->random = seed * 1000003 + (uint64_t)w->sequence;
        w->m = (model){0};
        assert_ok(vb_registry_begin(w->reg, &txn, &w->err), &w->err);
        for (w->step = 0; w->step < STEPS; w->step++) {
            run_step(w);
            check_finds(w);
            if (!pick(w, 3))
                check_selection(w);
        }
        check_ranges(w);
        check_chains(w);
        check_indices(w);
    }
    free(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_registry_and_a_plain_model_answer_alike, fixture_setup_registry,
                                        fixture_teardown),
    };

    if (argc > 1)
        sequences = atoi(argv[1]);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
