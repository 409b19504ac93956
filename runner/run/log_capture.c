#include "runner/run/log_capture.h"

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/base/mem.h"
#include "registry/base/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINE = 16 * 1024, MEMORY = 1 << 20, TAIL = 400 };

struct line {
    int64_t time;
    const char *level;
    char *text;
};

struct vb_log_capture {
    char *name, *spill_path;
    int read_fds[2], write_fds[2];
    vb_buf partial[2]; /* lines that have not ended */
    vb_buf json;       /* records that are not in the file yet */
    int spill;         /* -1: everything is in memory */
    int64_t records;
    struct line tail[TAIL]; /* a ring */
    bool ended, echo;
};

vb_log_capture *vb_log_capture_new(const char *name, const char *spill)
{
    vb_log_capture *log = VB_NEW(vb_log_capture);

    log->name = vb_strdup(name);
    log->spill_path = vb_strdup(spill);
    log->spill = -1;
    for (int i = 0; i < 2; i++)
        log->read_fds[i] = log->write_fds[i] = -1;
    return log;
}

void vb_log_capture_free(vb_log_capture *log)
{
    for (int i = 0; i < 2; i++) {
        if (log->read_fds[i] >= 0)
            close(log->read_fds[i]);
        vb_buf_free(&log->partial[i]);
    }
    vb_log_capture_started(log);
    for (int i = 0; i < TAIL; i++)
        free(log->tail[i].text);
    if (log->spill >= 0) {
        close(log->spill);
        unlink(log->spill_path);
    }
    vb_buf_free(&log->json);
    free(log->spill_path);
    free(log->name);
    free(log);
}

int vb_log_capture_open(vb_log_capture *log, int *out, int *err_fd, vb_error *err)
{
    for (int i = 0; i < 2; i++) {
        int pair[2];

        if (pipe2(pair, O_CLOEXEC))
            return vb_fail_errno(err, -errno, "making a pipe");
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        log->read_fds[i] = pair[0];
        log->write_fds[i] = pair[1];
    }
    *out = log->write_fds[0];
    *err_fd = log->write_fds[1];
    return 0;
}

void vb_log_capture_started(vb_log_capture *log)
{
    for (int i = 0; i < 2; i++) {
        if (log->write_fds[i] >= 0)
            close(log->write_fds[i]);
        log->write_fds[i] = -1;
    }
}

void vb_log_capture_echo(vb_log_capture *log)
{
    log->echo = true;
}

int vb_log_capture_fd(const vb_log_capture *log, int stream)
{
    return log->read_fds[stream];
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

/* What does not reach the file stays in memory, and no part of it is left in the file. */
static int spill(vb_log_capture *log)
{
    off_t before;
    int r;

    if (log->spill < 0)
        log->spill = open(log->spill_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log->spill < 0)
        return -errno;
    before = lseek(log->spill, 0, SEEK_END);
    r = vb_write_all(log->spill, log->json.data, log->json.len);
    if (!r)
        vb_buf_clear(&log->json);
    else
        (void)!ftruncate(log->spill, before);
    return r;
}

static int level_number(const char *level)
{
    return !strcmp(level, "ERROR") ? 40 : !strcmp(level, "WARNING") ? 30 : 20;
}

/* One record, with the fields that Rubin's reader wants. */
static void add_record(vb_log_capture *log, const char *stream, const char *level, const char *text, size_t n)
{
    struct line *slot = &log->tail[log->records % TAIL];
    int64_t now = vb_clock_unix_ns();
    char iso[28];

    vb_clock_iso(now, iso);
    vb_buf_puts(&log->json, log->records ? ",\n" : "[");
    vb_buf_printf(&log->json, "{\"name\":\"%s.%s\",\"asctime\":\"%s\",\"message\":", log->name, stream, iso);
    vb_buf_json(&log->json, text, n);
    vb_buf_printf(&log->json,
                  ",\"levelno\":%d,\"levelname\":\"%s\",\"filename\":\"\",\"pathname\":\"\",\"lineno\":0,\"process\":0,"
                  "\"processName\":\"\",\"MDC\":{\"LABEL\":\"%s\"}}",
                  level_number(level), level, log->name);
    free(slot->text);
    *slot = (struct line){now, level, vb_strndup(text, n)};
    log->records++;
    if (log->json.len > MEMORY)
        (void)spill(log);
}

/* A line without escape sequences (ESC [ ... letter) and other control characters but tabs; empty lines are dropped. */
static void add_line(vb_log_capture *log, int stream, const char *line, size_t n)
{
    vb_auto_buf text = {0};

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c == 0x1b && i + 1 < n && line[i + 1] == '[') {
            for (i += 2; i < n && !(line[i] >= '@' && line[i] <= '~'); i++)
                ;
        } else if (c >= ' ' || c == '\t') {
            vb_buf_putc(&text, (char)c);
        }
    }
    while (text.len && text.data[text.len - 1] == ' ')
        text.len--;
    if (text.len)
        add_record(log, stream ? "stderr" : "stdout", "INFO", text.data, text.len);
}

static void take(vb_log_capture *log, int stream, const char *data, size_t n)
{
    vb_buf *partial = &log->partial[stream];

    while (n) {
        const char *end = memchr(data, '\n', n);
        size_t length = end ? (size_t)(end - data) : n;

        vb_buf_add(partial, data, length);
        if (end || partial->len > MAX_LINE) {
            add_line(log, stream, vb_buf_text(partial), partial->len);
            vb_buf_clear(partial);
        }
        data += length + (end != NULL);
        n -= length + (end != NULL);
    }
}

bool vb_log_capture_read(vb_log_capture *log, int stream)
{
    char block[16384];

    for (;;) {
        ssize_t n = read(log->read_fds[stream], block, sizeof block);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n <= 0)
            break;
        if (log->echo)
            (void)!vb_write_all(stream ? STDERR_FILENO : STDOUT_FILENO, block, (size_t)n);
        take(log, stream, block, (size_t)n);
    }
    if (log->partial[stream].len) {
        add_line(log, stream, log->partial[stream].data, log->partial[stream].len);
        vb_buf_clear(&log->partial[stream]);
    }
    return false;
}

void vb_log_capture_say(vb_log_capture *log, const char *level, const char *message)
{
    add_record(log, "vbutler", level, message, strlen(message));
}

int vb_log_capture_write(vb_log_capture *log, int fd, int64_t *size, vb_hash *checksum, vb_error *err)
{
    int r;

    if (!log->ended)
        vb_buf_puts(&log->json, log->records ? "]\n" : "[]\n");
    log->ended = true;
    if (log->spill < 0) {
        r = vb_write_all(fd, log->json.data, log->json.len);
        *size = (int64_t)log->json.len;
        *checksum = vb_hash_bytes(log->json.data, log->json.len);
        return r < 0 ? vb_fail_errno(err, r, "writing a log") : 0;
    }
    r = spill(log);
    if (r < 0)
        return vb_fail_errno(err, r, "writing a log, at first to %s", log->spill_path);
    r = vb_copy_fd(log->spill, fd, err);
    return r < 0 ? r : vb_hash_fd(fd, checksum, size, err);
}

/* The i-th of the kept lines, from the oldest. */
static const struct line *kept(const vb_log_capture *log, int64_t i)
{
    int64_t first = log->records > TAIL ? log->records - TAIL : 0;

    return &log->tail[(first + i) % TAIL];
}

static int64_t kept_count(const vb_log_capture *log)
{
    return log->records < TAIL ? log->records : TAIL;
}

json_t *vb_log_capture_tail(const vb_log_capture *log)
{
    json_t *records = json_array();
    char iso[28];

    for (int64_t i = 0; i < kept_count(log); i++) {
        const struct line *line = kept(log, i);
        json_t *record = json_object();

        json_object_set_new(record, "asctime", json_string(vb_clock_iso(line->time, iso)));
        json_object_set_new(record, "levelname", json_string(line->level));
        json_object_set_new(record, "name", json_string(log->name));
        json_object_set_new(record, "message", vb_json_text(line->text));
        json_array_append_new(records, record);
    }
    return records;
}

void vb_log_capture_last_lines(const vb_log_capture *log, int n, vb_buf *out)
{
    int64_t count = kept_count(log);

    for (int64_t i = count > n ? count - n : 0; i < count; i++)
        vb_buf_printf(out, "%s%s", out->len ? "\n" : "", kept(log, i)->text);
}
