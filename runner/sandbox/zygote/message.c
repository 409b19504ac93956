#include "runner/sandbox/zygote/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int vb_message_send(int socket, const void *data, size_t n, const int *fds, size_t count)
{
    char control[CMSG_SPACE(VB_MESSAGE_FDS * sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec iov = {(void *)data, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (count) {
        struct cmsghdr *c;

        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        c = CMSG_FIRSTHDR(&msg);
        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS,
                              .cmsg_len = CMSG_LEN(count * sizeof *fds)};
        memcpy(CMSG_DATA(c), fds, count * sizeof *fds);
    }
    while (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int vb_message_receive(int socket, void *data, size_t n, int *fds, size_t *count)
{
    char control[CMSG_SPACE(VB_MESSAGE_FDS * sizeof(int))] __attribute__((aligned(8)));
    struct iovec iov = {data, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c;
    ssize_t got;

    while ((got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR)
            return -errno;
    *count = 0;
    c = got ? CMSG_FIRSTHDR(&msg) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS) {
        *count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), *count * sizeof(int));
    }
    return (size_t)got == n ? 0 : -EPIPE;
}
