/* main.h - the zygote's life, for the program of its own and for the copy that vbutler forks where that cannot be
 * executed. */
#ifndef VB_RUNNER_SANDBOX_ZYGOTE_MAIN_H
#define VB_RUNNER_SANDBOX_ZYGOTE_MAIN_H

#include <sys/types.h>

enum { VB_ZYGOTE_CONTROL = 3 }; /* the descriptor of its socket to the runner */

/* Does not return.  `mountpoint` "" makes it a plain zygote.  `masks` is NULL-terminated. */
void vb_zygote_main(pid_t runner, const char *mountpoint, char *const *masks) __attribute__((noreturn));

#endif
