/* Tests of fs/view/node: which node has which number, and how long it lives. */
#include "fs/view/node.h"
#include "tests/fs/world.h"

#include <pthread.h>

static int freed;

static void count_free(void *data)
{
    freed += data != NULL;
    free(data);
}

static bool same_text(const void *a, const void *b)
{
    return !strcmp(a, b);
}

static const vb_node_class root_class = {.name = "root", .type = S_IFDIR};
static const vb_node_class dir_class = {.name = "dir", .type = S_IFDIR, .free = count_free};
static const vb_node_class file_class = {.name = "file", .type = S_IFREG, .free = count_free};

static int new_nodes(void **state)
{
    freed = 0;
    *state = vb_nodes_new(&root_class, NULL);
    return 0;
}

static int free_nodes(void **state)
{
    vb_nodes_free(*state);
    return 0;
}

static vb_node *root_of(vb_nodes *t)
{
    return vb_nodes_get(t, VB_INO_ROOT);
}

static vb_node *child(vb_nodes *t, vb_node *parent, const char *name)
{
    return vb_nodes_path(t, parent, name, &dir_class, vb_strdup(name));
}

static void test_the_root_is_there_and_stays(void **state)
{
    vb_nodes *t = *state;

    assert_int_equal(vb_nodes_count(t), 1);
    assert_int_equal(root_of(t)->ino, VB_INO_ROOT);
    vb_nodes_unref(t, root_of(t), 100);
    assert_non_null(root_of(t));
}

static void test_a_path_has_one_node(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a"), *again = child(t, root_of(t), "a");

    assert_ptr_equal(a, again);
    assert_int_equal(freed, 1); /* the data of the second */
    assert_ptr_equal(vb_nodes_get(t, a->ino), a);
    assert_int_equal(vb_nodes_count(t), 2);
    vb_nodes_unref(t, a, 2);
}

/* A number that two paths shared would make the kernel move the one directory to the other's place. */
static void test_distinct_paths_have_distinct_numbers(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a"), *b = child(t, root_of(t), "b");
    vb_node *ax = child(t, a, "x"), *bx = child(t, b, "x");

    assert_int_not_equal(ax->ino, bx->ino);
    assert_int_not_equal(a->ino, b->ino);
    vb_nodes_unref(t, ax, 1);
    vb_nodes_unref(t, bx, 1);
    vb_nodes_unref(t, a, 1);
    vb_nodes_unref(t, b, 1);
}

static void test_the_last_forget_frees(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a");
    uint64_t ino = a->ino;

    vb_nodes_ref(t, a);
    vb_nodes_unref(t, a, 1);
    assert_non_null(vb_nodes_get(t, ino));
    vb_nodes_unref(t, a, 1);
    assert_null(vb_nodes_get(t, ino));
    assert_int_equal(freed, 1);
    assert_int_equal(vb_nodes_count(t), 1);
}

/* A directory lives as long as something below it does, and goes with it. */
static void test_a_child_keeps_its_parents(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a"), *b = child(t, a, "b"), *c = child(t, b, "c");
    vb_auto_buf path = {0};

    vb_nodes_unref(t, a, 1);
    vb_nodes_unref(t, b, 1);
    assert_int_equal(vb_nodes_count(t), 4);
    vb_node_path(c, &path);
    assert_string_equal(vb_buf_text(&path), "a/b/c");
    vb_nodes_unref(t, c, 1);
    assert_int_equal(vb_nodes_count(t), 1);
    assert_int_equal(freed, 3);
}

/* A number is not used again while the mount lives: the kernel may still speak of the old one. */
static void test_numbers_of_paths_do_not_come_again(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a");
    uint64_t first = a->ino;

    vb_nodes_unref(t, a, 1);
    a = child(t, root_of(t), "a");
    assert_int_not_equal(a->ino, first);
    vb_nodes_unref(t, a, 1);
}

static void test_forgetting_more_than_there_was_does_no_harm(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a"), *b = child(t, a, "b");

    vb_nodes_unref(t, b, 1000);
    assert_int_equal(vb_nodes_count(t), 2);
    vb_nodes_unref(t, a, 1000);
    assert_int_equal(vb_nodes_count(t), 1);
}

/* A dataset has one inode wherever it is shown. */
static void test_a_row_has_one_node(void **state)
{
    vb_nodes *t = *state;
    vb_node *x = vb_nodes_row(t, VB_INO_ARTIFACT, 5, &file_class, vb_strdup("x"));
    vb_node *y = vb_nodes_row(t, VB_INO_ARTIFACT, 5, &file_class, vb_strdup("y"));
    vb_node *other = vb_nodes_row(t, VB_INO_SCRATCH, 5, &file_class, vb_strdup("z"));

    assert_ptr_equal(x, y);
    assert_string_equal(x->data, "x");
    assert_int_equal(freed, 1);
    assert_int_not_equal(other->ino, x->ino);
    vb_nodes_unref(t, x, 2);
    vb_nodes_unref(t, other, 1);
}

/* The number of a row is the same in every session: what a user notes of it stays true. */
static void test_the_number_of_a_row_tells_the_row(void **state)
{
    vb_nodes *t = *state;
    vb_node *x = vb_nodes_row(t, VB_INO_ARTIFACT, 5, &file_class, NULL);
    uint64_t ino = x->ino;

    vb_nodes_unref(t, x, 1);
    x = vb_nodes_row(t, VB_INO_ARTIFACT, 5, &file_class, NULL);
    assert_int_equal(x->ino, ino);
    assert_int_equal(ino & 0xffffffffffffff, 5);
    vb_nodes_unref(t, x, 1);
}

/* Generated text: an inode keeps its bytes, so other bytes are another inode. */
static void test_changed_data_gives_the_path_to_a_new_node(void **state)
{
    vb_nodes *t = *state;
    vb_node *root = root_of(t);
    vb_node *one = vb_nodes_path_changed(t, root, "a", &file_class, vb_strdup("1"), same_text);
    vb_node *same = vb_nodes_path_changed(t, root, "a", &file_class, vb_strdup("1"), same_text);
    vb_node *two = vb_nodes_path_changed(t, root, "a", &file_class, vb_strdup("2"), same_text);

    assert_ptr_equal(one, same);
    assert_ptr_not_equal(one, two);
    assert_string_equal(one->data, "1");
    assert_string_equal(two->data, "2");
    assert_ptr_equal(vb_nodes_path_changed(t, root, "a", &file_class, vb_strdup("2"), same_text), two);
    vb_nodes_unref(t, one, 2);
    assert_ptr_equal(vb_nodes_path_changed(t, root, "a", &file_class, vb_strdup("2"), same_text), two);
    vb_nodes_unref(t, two, 3);
    assert_int_equal(vb_nodes_count(t), 1);
}

static void test_another_class_is_another_node(void **state)
{
    vb_nodes *t = *state;
    vb_node *dir = child(t, root_of(t), "a");
    vb_node *file = vb_nodes_path(t, root_of(t), "a", &file_class, vb_strdup("a"));

    assert_ptr_not_equal(dir, file);
    vb_nodes_unref(t, dir, 1);
    vb_nodes_unref(t, file, 1);
    assert_int_equal(vb_nodes_count(t), 1);
}

/* Look-ups and forgets of one path from several threads. */
static void *look_up_and_forget(void *arg)
{
    vb_nodes *t = arg;

    for (int i = 0; i < 5000; i++) {
        vb_node *a = child(t, root_of(t), "a"), *b = child(t, a, i % 2 ? "x" : "y");

        vb_nodes_unref(t, a, 1);
        if (b->name[0] != (i % 2 ? 'x' : 'y'))
            abort(); /* an assertion would leave the wrong thread */
        vb_nodes_unref(t, b, 1);
    }
    return NULL;
}

static void test_threads_share_the_table(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < VB_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_and_forget, *state), 0);
    for (size_t i = 0; i < VB_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(vb_nodes_count(*state), 1);
}

/* The oldest come first, those in them before them, and what was told of comes last the next time. */
static void test_the_oldest_are_told_in_turn(void **state)
{
    vb_nodes *t = *state;
    vb_node *a = child(t, root_of(t), "a"), *b = child(t, a, "b"), *c = child(t, b, "c");
    uint64_t inos[8];

    assert_int_equal(vb_nodes_oldest(t, 2, inos), 2);
    assert_int_equal(inos[0], b->ino);
    assert_int_equal(inos[1], a->ino);
    assert_int_equal(vb_nodes_oldest(t, 2, inos), 2);
    assert_int_equal(inos[0], a->ino);
    assert_int_equal(inos[1], c->ino);
    assert_int_equal(vb_nodes_oldest(t, 8, inos), 3); /* the root is never one of them */
    assert_int_equal(vb_nodes_count(t), 4);
    assert_ptr_equal(vb_nodes_get(t, c->ino), c);
    vb_nodes_unref(t, c, 1);
    vb_nodes_unref(t, b, 1);
    vb_nodes_unref(t, a, 1);
    assert_int_equal(vb_nodes_oldest(t, 8, inos), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_root_is_there_and_stays, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_a_path_has_one_node, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_distinct_paths_have_distinct_numbers, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_the_last_forget_frees, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_a_child_keeps_its_parents, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_numbers_of_paths_do_not_come_again, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_forgetting_more_than_there_was_does_no_harm, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_a_row_has_one_node, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_the_number_of_a_row_tells_the_row, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_changed_data_gives_the_path_to_a_new_node, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_another_class_is_another_node, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_threads_share_the_table, new_nodes, free_nodes),
        cmocka_unit_test_setup_teardown(test_the_oldest_are_told_in_turn, new_nodes, free_nodes),
    };

    return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
