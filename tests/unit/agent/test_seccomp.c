/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp profiles: each filter is set in a child of this test and a system call is made under it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/isolation/seccomp_profile.h"
#include "common/base/cleanup.h"
#include "tests/support/test.h"

enum { NO_ERROR = 0, NO_FILTER = 200, KILLED = 201 };

#define SYS_ADMIN (UINT64_C(1) << 21)

/* What the call comes to under the program: its errno. */
static int try_call(struct str program, long number, long a0, long a1)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sock_fprog f = { .len = (unsigned short)(program.n / sizeof(struct sock_filter)),
                                .filter = (struct sock_filter *)(uintptr_t)program.p };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f, 0, 0) != 0)
            _exit(NO_FILTER);
        long r = syscall(number, a0, a1, 0, 0, 0);
        (void)syscall(SYS_exit_group, r == -1 ? errno : NO_ERROR); /* itself: a sanitizer's _exit makes other calls first */
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

#define DENY(call, more) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"" call "\",\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\"" more "}]}"

TEST("rules hold for their calls, conditions, capabilities, machines and kernels")
{
    static const struct {
        const char *name, *profile;
        uint64_t caps;
        long call, a0;
        int want;
    } c[] = {
        { "errno is EPERM", DENY("getppid", ""), 0, SYS_getppid, 0, EPERM },
        { "or what it says", DENY("getppid", ",\"errnoRet\":38"), 0, SYS_getppid, 0, ENOSYS },
        { "other calls are free", DENY("getppid", ""), 0, SYS_getpid, 0, NO_ERROR },
        { "an old name", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"getppid\",\"action\":\"SCMP_ACT_ERRNO\",\"args\":[]}]}", 0,
          SYS_getppid, 0, EPERM },
        { "killed", DENY("getppid", "},{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\""), 0, SYS_getpgid, 0, KILLED },
        { "an argument that is meant", DENY("getpgid", ",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]"), 0, SYS_getpgid, 0, EPERM },
        { "one that is not", DENY("getpgid", ",\"args\":[{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]"), 0, SYS_getpgid, 0, NO_ERROR },
        { "one of two values", DENY("getpgid", ",\"args\":[{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":0,\"op\":"
                                               "\"SCMP_CMP_EQ\"}]"), 0, SYS_getpgid, 0, EPERM },
        { "both of two arguments", DENY("getpgid", ",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":1,\"op\":"
                                                   "\"SCMP_CMP_EQ\"}]"), 0, SYS_getpgid, 0, NO_ERROR },
        { "a bit of a mask", DENY("getpgid", ",\"args\":[{\"index\":0,\"value\":8,\"valueTwo\":8,\"op\":\"SCMP_CMP_MASKED_EQ\"}]"), 0, SYS_getpgid,
          12, EPERM },
        { "included by a capability", DENY("getppid", ",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), SYS_ADMIN, SYS_getppid, 0, EPERM },
        { "that is not there", DENY("getppid", ",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), 1, SYS_getppid, 0, NO_ERROR },
        { "excluded by a capability", DENY("getppid", ",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"), SYS_ADMIN, SYS_getppid, 0, NO_ERROR },
        { "of another machine", DENY("getppid", ",\"includes\":{\"arches\":[\"s390x\"]}"), 0, SYS_getppid, 0, NO_ERROR },
        { "of a kernel to come", DENY("getppid", ",\"includes\":{\"minKernel\":\"99.0\"}"), 0, SYS_getppid, 0, NO_ERROR },
        { "of an old kernel", DENY("getppid", ",\"includes\":{\"minKernel\":\"3.0\"}"), 0, SYS_getppid, 0, EPERM },
        { "a list of what is allowed", "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\","
                                       "\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"exit_group\",\"getpid\"],\"action\":"
                                       "\"SCMP_ACT_ALLOW\"}]}", 0, SYS_getppid, 0, ENOSYS },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf program = SBUF_INIT(SECCOMP_PROGRAM_MAX);
        struct error err = { .code = ERR_OK };
        int rc = seccomp_compile(str_of(c[i].profile), c[i].caps, &program, &err);
        int got = rc == 0 ? try_call(sbuf_view(&program), c[i].call, c[i].a0, 0) : rc;
        if (got != c[i].want)
            test_fail(__FILE__, __LINE__, "%s: %d, not %d: %s", c[i].name, got, c[i].want, err.msg);
    }
}

TEST("the default profile lets ordinary calls be, and namespaces only with the capability")
{
    CLEANUP(sbuf_done_p) struct sbuf plain = SBUF_INIT(SECCOMP_PROGRAM_MAX);
    CLEANUP(sbuf_done_p) struct sbuf admin = SBUF_INIT(SECCOMP_PROGRAM_MAX);
    struct error err;
    CHECK_INT(seccomp_compile(str_of(seccomp_default_profile), 0, &plain, &err), 0);
    CHECK_INT(seccomp_compile(str_of(seccomp_default_profile), SYS_ADMIN, &admin, &err), 0);
    CHECK_INT(try_call(sbuf_view(&plain), SYS_getppid, 0, 0), NO_ERROR);
    CHECK_INT(try_call(sbuf_view(&plain), SYS_unshare, 0, 0), NO_ERROR);
    CHECK_INT(try_call(sbuf_view(&plain), SYS_unshare, 0x10000000, 0), EPERM);
    CHECK_INT(try_call(sbuf_view(&plain), SYS_clone3, 0, 0), ENOSYS);
    CHECK_INT(try_call(sbuf_view(&plain), SYS_keyctl, 0, 0), EPERM);
    CHECK_INT(try_call(sbuf_view(&admin), SYS_clone3, 0, 0), EINVAL);
}

TEST("what is not understood is an error that names it")
{
    static const struct {
        const char *profile, *says;
    } c[] = {
        { "[]", "no JSON object" },
        { "{}", "defaultAction: an action is missing" },
        { "{\"defaultAction\":\"SCMP_ACT_MAYBE\"}", "'SCMP_ACT_MAYBE'" },
        { DENY("getppid", ",\"errnoRet\":70000"), "errnoRet is 70000" },
        { DENY("getpgid", ",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]"), "index is to be 0 to 5" },
        { DENY("getpgid", ",\"args\":[{\"index\":0,\"op\":\"LIKE\"}]"), "'LIKE'" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ERRNO\"}]}", "neither 'names' nor 'name'" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"PDP11\"]}", "'PDP11'" },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf program = SBUF_INIT(SECCOMP_PROGRAM_MAX);
        struct error err = { .code = ERR_OK };
        CHECK(seccomp_compile(str_of(c[i].profile), 0, &program, &err) != 0);
        if (strstr(err.msg, c[i].says) == NULL)
            test_fail(__FILE__, __LINE__, "'%s' does not say %s", err.msg, c[i].says);
    }
}
