#include "registry/base/path.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

static char *directory;

static void remove_directory(void)
{
    vb_remove_tree(AT_FDCWD, directory, NULL);
    free(directory);
}

const char *fuzz_directory(void)
{
    const char *tmp = getenv("TMPDIR");

    if (directory)
        return directory;
    directory = vb_format("%s/vbfuzz.XXXXXX", tmp ? tmp : "/tmp");
    check(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    return directory;
}

/* A snapshot keeps no journal beside it, so that it needs its file's name no longer than it takes to be opened. */
static vb_registry *make_registry(void)
{
    vb_auto(vb_universe_free) vb_universe *universe = NULL;
    vb_autofree char *path = vb_path_join(fuzz_directory(), "registry.sqlite3");
    vb_auto_error err = VB_ERROR_INIT;
    vb_registry *reg;

    check(vb_universe_builtin(8, &universe, &err) == 0);
    check(vb_registry_create(path, universe, "snapshot", &reg, &err) == 0);
    check(unlink(path) == 0);
    return reg;
}

static vb_registry *registry;

static void close_registry(void)
{
    vb_registry_close(registry);
}

vb_registry *fuzz_registry(void)
{
    if (!registry) {
        registry = make_registry();
        atexit(close_registry);
    }
    return registry;
}
