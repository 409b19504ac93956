#include "tools/sweep.h"

#include "registry/gen3/private.h"

#include <signal.h>
#include <stddef.h>

/* The process ends as it would have without a handler. */
static void on_signal(int number)
{
    vb_gen3_private_sweep();
    signal(number, SIG_DFL);
    raise(number);
}

void vb_sweep_on_signals(bool on)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL}, now;

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!sigaction(signals[i], NULL, &now) && now.sa_handler != SIG_IGN) /* nohup means it */
            sigaction(signals[i], &action, NULL);
}
