/* program.c - the zygote as a program: vbutler-zygote RUNNER_PID MOUNTPOINT MASK... */
#include "runner/sandbox/zygote/main.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    vb_zygote_main((pid_t)atoi(argv[1]), argv[2], argv + 3);
}
