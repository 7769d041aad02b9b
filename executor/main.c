/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa executor` and stoa-executor. Which of the two executors it is says the name it is called by, as with the
 * original's programs (mesos-executor, mesos-default-executor), or the flag --default. Other flags of the original are
 * taken; those that would change what it does and are not built are refused. Behind "--" comes what a command task runs
 * instead of its CommandInfo: where an image has a say in it. */
#include <stdio.h>
#include <string.h>

#include "executor/builtin.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

int executor_main(int argc, char **argv)
{
    static const char *const refused[] = { "--rootfs=", "--tty_slave_path=", "--task_launch_info=", "--task_command=" };
    bool pod = argc > 0 && strstr(base_name(argv[0]), "default-executor") != NULL;
    char **command = NULL;
    for (int i = 1; i < argc && command == NULL; i++) {
        if (strcmp(argv[i], "--") == 0)
            command = argv + i + 1;
        if (strcmp(argv[i], "--default") == 0)
            pod = true;
        for (size_t j = 0; j < sizeof refused / sizeof refused[0]; j++) {
            if (starts(argv[i], refused[j])) {
                (void)fprintf(stderr, "Flag %s is not built yet\n", argv[i]);
                return 1;
            }
        }
    }
    return pod ? pod_executor_main() : command_executor_main(command);
}
