/* init_outputs.c - what is made once a run, before any quantum: the pipeline's files, and the datasets `packages` and
 * LABEL_files.
 *
 * They are committed like an attempt's outputs, under the name of the graph: an intent, artifacts, a
 * receipt, its link. */
#include "fs/view/names.h"
#include "registry/base/clock.h"
#include "registry/base/hash.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"
#include "registry/base/text.h"
#include "registry/provenance.h"
#include "runner/run/artifact.h"
#include "runner/run/site.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- files/ ------------------------------------------------------------------------------------------------------------ */

static int write_files(const vb_site *site, const vb_task *task, vb_error *err)
{
    json_t *definition = json_loads(task->definition, 0, NULL), *file;
    vb_autofree char *dir = vb_format("files/%s", task->label);
    const char *name;
    int r = vb_mkdirs(site->dir->fd, dir, 0755, err);

    json_object_foreach(json_object_get(definition, "files"), name, file) {
        vb_autofree char *path = vb_path_join(dir, name);
        const json_t *content = json_object_get(file, "content");

        if (!r && faccessat(site->dir->fd, path, F_OK, 0))
            r = vb_write_file(site->dir->fd, path, json_string_value(content), json_string_length(content), 0644, false,
                              err);
    }
    json_decref(definition);
    return r;
}

/* ---- content ------------------------------------------------------------------------------------------------------------ */

/* Where PATH has a program; NULL: nowhere. */
static char *find_program(const char *name)
{
    char **dirs;
    char *found = NULL;

    if (strchr(name, '/'))
        return vb_strdup(name);
    dirs = vb_split(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin", ':', NULL);
    for (char **dir = dirs; !found && *dir; dir++) {
        found = vb_path_join(*dir, name);
        if (access(found, X_OK)) {
            free(found);
            found = NULL;
        }
    }
    vb_strv_free(dirs);
    return found;
}

/* The first word of a command, where it is plain. */
static const char *program_of(const json_t *definition)
{
    const json_t *word = json_array_get(json_object_get(definition, "command"), 0);

    while (json_is_array(word))
        word = json_array_get(word, 0);
    return json_string_value(word) && !strchr(json_string_value(word), '{') ? json_string_value(word) : NULL;
}

/* A program's identity: where it is, and what its bytes are. */
static void add_program(vb_buf *out, const char *name)
{
    vb_autofree char *path = find_program(name), *real = path ? realpath(path, NULL) : NULL;
    vb_autoclose int fd = real ? open(real, O_RDONLY | O_CLOEXEC) : -1;
    char checksum[VB_HASH_TEXT];
    vb_hash hash;

    if (fd >= 0 && !vb_hash_fd(fd, &hash, NULL, NULL))
        vb_buf_printf(out, "%s: \"%s %s\"\n", vb_path_base(name), real, vb_hash_format(&hash, checksum));
    else
        vb_buf_printf(out, "%s: \"not found\"\n", vb_path_base(name));
}

/* Rubin's Packages: names and versions.  Ours are the runner, the system, and every program that a task names. */
static void render_packages(const vb_graph *g, vb_buf *out)
{
    struct utsname system;
    char **seen = NULL;

    uname(&system);
    vb_buf_printf(out, "vbutler: \"%s\"\n%s: \"%s\"\n", VB_VERSION, system.sysname, system.release);
    for (size_t t = 0; t < g->ntasks; t++) {
        json_t *definition = json_loads(g->tasks[t].definition, 0, NULL);
        const char *program = program_of(definition);

        if (program && !vb_strv_has(seen, program)) {
            vb_strv_add(&seen, program);
            add_program(out, program);
        }
        json_decref(definition);
    }
    vb_strv_free(seen);
}

/* LABEL_files: the task's definition; JSON is YAML. */
static void render_files(const vb_graph *g, const char *type, vb_buf *out)
{
    for (size_t t = 0; t < g->ntasks; t++) {
        vb_autofree char *name = vb_format("%s_files", g->tasks[t].label);
        json_t *definition;
        char *text;

        if (strcmp(name, type))
            continue;
        definition = json_loads(g->tasks[t].definition, 0, NULL);
        text = json_dumps(definition, JSON_INDENT(2));
        vb_buf_printf(out, "%s\n", text);
        free(text);
        json_decref(definition);
    }
}

/* ---- committing ----------------------------------------------------------------------------------------------------------- */

static int write_artifact(const vb_site *site, const vb_graph *g, const vb_dataset *d, int scratch,
                          vb_artifact *artifact, vb_receipt_output *out, vb_error *err)
{
    vb_auto_buf text = {0};
    vb_autoclose int fd = vb_artifact_create(scratch, artifact, err);
    struct stat st;
    int r = fd < 0 ? fd : 0;

    if (!strcmp(d->type->name, "packages"))
        render_packages(g, &text);
    else
        render_files(g, d->type->name, &text);
    if (!r && vb_write_all(fd, text.data, text.len) < 0)
        r = vb_fail_errno(err, -errno, "writing %s", artifact->path);
    if (!r)
        r = vb_artifact_permit(site, fd, artifact->path, err);
    if (!r && (fsync(fd) || fstat(fd, &st)))
        r = vb_fail_errno(err, -errno, "writing %s", artifact->path);
    if (r < 0)
        return r;
    out->size = (int64_t)text.len;
    out->checksum = vb_hash_bytes(vb_buf_text(&text), text.len);
    out->mtime = vb_clock_ns(st.st_mtim);
    return 0;
}

static vb_receipt *new_receipt(const vb_site *site, const vb_graph *g, const vb_uuid *id, int number)
{
    vb_receipt *r = vb_receipt_new();

    r->graph = vb_strdup(g->id);
    r->run = vb_strdup(g->run);
    r->task = vb_strdup("");
    r->dataid = vb_strdup("[]");
    r->capture = vb_strdup("complete");
    r->host = vb_strdup(site->host);
    r->quantum = *id;
    r->attempt = number;
    r->status = VB_STATUS_SUCCEEDED;
    r->started = vb_clock_unix_ns();
    return r;
}

static void add_output(vb_receipt *receipt, const vb_dataset *d)
{
    vb_receipt_output *o = VB_PUSH(receipt->outputs, receipt->noutputs, receipt->outputs_cap);
    vb_buf packed = {0};

    vb_dataid_pack(&d->dataid, &packed);
    *o = (vb_receipt_output){.dataset = d->uuid, .type = vb_strdup(d->type->name), .dataid = vb_buf_steal(&packed)};
}

/* Makes them in a scratch directory, names them, notes the receipt, commits. */
static int publish(const vb_site *site, const vb_graph *g, const vb_dataset *datasets, vb_artifact *artifacts,
                   size_t count, int attempt, int scratch, vb_receipt *receipt, vb_error *err)
{
    vb_autofree char *line = NULL;
    int r = 0;

    for (size_t i = 0; !r && i < count; i++) {
        add_output(receipt, &datasets[i]);
        vb_artifact_plan(g->run, &datasets[i], receipt->attempt, &artifacts[i]);
        r = write_artifact(site, g, &datasets[i], scratch, &artifacts[i], &receipt->outputs[i], err);
    }
    if (!r)
        r = vb_artifacts_name(site, attempt, scratch, artifacts, count, err);
    for (size_t i = 0; !r && i < count; i++)
        receipt->outputs[i].path = vb_strdup(artifacts[i].path);
    if (r < 0)
        return r;
    line = vb_receipt_write(receipt);
    r = vb_rundir_note(attempt, line, err);
    if (!r)
        r = vb_rundir_commit(site->dir, &receipt->quantum, receipt->attempt, err);
    if (r < 0)
        vb_artifacts_withdraw(site, artifacts, count);
    return r < 0 ? r : 0;
}

static int make(const vb_site *site, const vb_graph *g, const vb_dataset *datasets, size_t count, const vb_uuid *id,
                vb_receipt **out, vb_error *err)
{
    int number = 1, r;
    vb_autoclose int file = vb_rundir_begin(site->dir, id, &number, err), scratch = -1;
    vb_autofree char *path = NULL;
    vb_artifact *artifacts;

    if (file < 0)
        return file;
    r = vb_rundir_make_scratch(site->dir, id, number, &path, err);
    if (r < 0)
        return r;
    scratch = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch < 0)
        return vb_fail_errno(err, -errno, "opening %s", path);
    *out = new_receipt(site, g, id, number);
    artifacts = vb_alloc((count + 1) * sizeof *artifacts);
    r = publish(site, g, datasets, artifacts, count, file, scratch, *out, err);
    vb_artifacts_free(artifacts, count);
    vb_remove_tree(AT_FDCWD, path, NULL);
    return r;
}

/* The registry has them all: the directory that knew of it was removed. */
static int are_registered(vb_registry *reg, const vb_dataset *datasets, size_t count, bool *out, vb_error *err)
{
    *out = count > 0;
    for (size_t i = 0; *out && i < count; i++) {
        vb_auto_dataset d = {0};
        vb_auto_location location = {0};
        int r = vb_dataset_by_uuid(reg, &datasets[i].uuid, &d, err);

        if (r > 0)
            r = vb_location_get(reg, d.id, &location, err);
        if (r < 0)
            return r;
        *out = r > 0;
    }
    return 0;
}

struct search {
    const vb_uuid *id;
    vb_receipt *found;
};

static int find_committed(void *arg, const vb_attempt_file *a, vb_error *err)
{
    struct search *s = arg;

    if (a->committed && a->receipt && vb_uuid_equal(a->quantum, *s->id)) {
        vb_autofree char *text = vb_receipt_write(a->receipt);

        return vb_receipt_read(text, strlen(text), &s->found, err);
    }
    return 0;
}

int vb_make_init_outputs(vb_site *site, vb_registry *reg, vb_graph *g, vb_error *err)
{
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL;
    vb_auto_txn txn = {0};
    vb_dataset *datasets = NULL;
    struct search search;
    size_t count = 0;
    bool there = false;
    vb_uuid id;
    int r = vb_uuid_parse(g->id, &id) ? 0 : vb_fail(err, -EINVAL, "the graph's id '%s' is no UUID", g->id);

    for (size_t t = 0; !r && t < g->ntasks; t++)
        r = write_files(site, &g->tasks[t], err);
    if (!r)
        r = vb_graph_init_outputs(g, &datasets, &count, err);
    search = (struct search){&id, NULL};
    if (!r)
        r = vb_rundir_each(site->dir, find_committed, &search, err);
    receipt = search.found;
    if (!r && !receipt)
        r = are_registered(reg, datasets, count, &there, err);
    if (!r && !receipt && count && !there)
        r = make(site, g, datasets, count, &id, &receipt, err);
    if (!r && receipt)
        r = vb_registry_begin(reg, &txn, err);
    if (!r && receipt)
        r = vb_provenance_merge_init(reg, g, receipt, err);
    if (!r && receipt)
        r = vb_txn_commit(&txn, err);
    for (size_t i = 0; i < count; i++)
        vb_dataset_clear(&datasets[i]);
    free(datasets);
    return r;
}
