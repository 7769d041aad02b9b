/* SPDX-License-Identifier: Apache-2.0 */
/* What every part of the shell may ask for: a look at the core at the end of the turn, the view, the end. */
#include "common/base/log.h"
#include "master/shell.h"

void mshell_wake(struct shell *sh)
{
    loop_defer(sh->loop, &sh->step_work);
}

void mshell_fail(struct shell *sh, const char *event, const char *text)
{
    log_error(event, "reason=" LOG_Q, LOG_QARG(str_of(text)));
    sh->exit_code = 1;
    sh->stopping = true;
    loop_stop(sh->loop);
}

struct view *mshell_view(struct shell *sh)
{
    sh->view.m = sh->m;
    return &sh->view;
}
