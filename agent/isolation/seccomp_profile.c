/* SPDX-License-Identifier: Apache-2.0 */
/* The rules are given to libseccomp in the order of the profile; a rule whose action is the default one says nothing and is left out,
 * as the library wants. The default profile forbids what no task of a cluster needs and what has broken out of containers, and
 * leaves the rest alone: a list of what is allowed would have to know every system call to come. */
#include "agent/isolation/seccomp_profile.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/wire/json.h"

typedef struct cJSON *json_ptr;

struct compile {
    scmp_filter_ctx ctx;
    uint32_t default_action;
    uint64_t capabilities;
    struct error *err;
};

static const cJSON *item(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static const char *text_of(const cJSON *o, const char *key)
{
    return cJSON_GetStringValue(item(o, key));
}

/* A number of at least 0, or what stands for a missing one. */
static uint64_t number_of(const cJSON *o, const char *key, uint64_t missing)
{
    const cJSON *n = item(o, key);
    return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble < 18446744073709551615.0 ? (uint64_t)n->valuedouble : missing;
}

static int action_of(const char *name, uint64_t errno_ret, uint32_t *ret, struct error *err)
{
    static const struct {
        const char *name;
        uint32_t action;
    } map[] = {
        { "SCMP_ACT_KILL", SCMP_ACT_KILL },   { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
        { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },   { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
        { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW }, { "SCMP_ACT_LOG", SCMP_ACT_LOG },
    };
    if (name == NULL)
        return error_set(err, ERR_INVALID, "an action is missing");
    if (strcmp(name, "SCMP_ACT_ERRNO") == 0 || strcmp(name, "SCMP_ACT_TRACE") == 0) {
        if (errno_ret > 4095)
            return error_set(err, ERR_INVALID, "errnoRet is %llu; use 0 to 4095", (unsigned long long)errno_ret);
        *ret = name[9] == 'E' ? SCMP_ACT_ERRNO((uint32_t)errno_ret) : SCMP_ACT_TRACE((uint32_t)errno_ret);
        return 0;
    }
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (strcmp(name, map[i].name) == 0) {
            *ret = map[i].action;
            return 0;
        }
    }
    return error_set(err, ERR_INVALID, "unknown action '%.60s'", name);
}

/* --- which rules count here --------------------------------------------------------------------------- */

/* Go's names of machines. */
static uint32_t arch_of(const char *name)
{
    static const struct {
        const char *go, *library;
    } map[] = { { "amd64", "x86_64" }, { "386", "x86" }, { "arm64", "aarch64" } };
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (strcmp(name, map[i].go) == 0)
            return seccomp_arch_resolve_name(map[i].library);
    }
    return seccomp_arch_resolve_name(name);
}

static bool kernel_is_at_least(const char *want)
{
    struct utsname u;
    unsigned have[2] = { 0, 0 }, need[2] = { 0, 0 };
    return uname(&u) == 0 && sscanf(u.release, "%u.%u", &have[0], &have[1]) == 2 && sscanf(want, "%u.%u", &need[0], &need[1]) == 2 &&
           (have[0] > need[0] || (have[0] == need[0] && have[1] >= need[1]));
}

static bool has_capability(const struct compile *c, const char *name)
{
    cap_value_t v;
    return name != NULL && cap_from_name(name, &v) == 0 && v >= 0 && v < 64 && (c->capabilities >> v & 1) != 0;
}

/* includes: every capability is there, and one of the machines is this one. */
static bool is_included(const struct compile *c, const cJSON *in)
{
    const cJSON *e;
    bool here = cJSON_GetArraySize(item(in, "arches")) == 0;
    cJSON_ArrayForEach(e, item(in, "caps"))
    {
        if (!has_capability(c, cJSON_GetStringValue(e)))
            return false;
    }
    cJSON_ArrayForEach(e, item(in, "arches"))
    {
        here = here || (cJSON_IsString(e) && arch_of(e->valuestring) == seccomp_arch_native());
    }
    const char *kernel = text_of(in, "minKernel");
    return here && (kernel == NULL || kernel_is_at_least(kernel));
}

/* excludes: one of the capabilities is there, or one of the machines is this one. */
static bool is_excluded(const struct compile *c, const cJSON *ex)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, item(ex, "caps"))
    {
        if (has_capability(c, cJSON_GetStringValue(e)))
            return true;
    }
    cJSON_ArrayForEach(e, item(ex, "arches"))
    {
        if (cJSON_IsString(e) && arch_of(e->valuestring) == seccomp_arch_native())
            return true;
    }
    const char *kernel = text_of(ex, "minKernel");
    return kernel != NULL && kernel_is_at_least(kernel);
}

/* --- rules -------------------------------------------------------------------------------------------- */

static int compare_of(const cJSON *arg, struct scmp_arg_cmp *ret, struct error *err)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } map[] = { { "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
                { "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
                { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ } };
    const char *op = text_of(arg, "op");
    uint64_t index = number_of(arg, "index", 6);
    if (index > 5)
        return error_set(err, ERR_INVALID, "an argument's index is to be 0 to 5");
    for (size_t i = 0; op != NULL && i < sizeof map / sizeof map[0]; i++) {
        if (strcmp(op, map[i].name) == 0) {
            *ret = (struct scmp_arg_cmp){ .arg = (unsigned)index, .op = map[i].op, .datum_a = number_of(arg, "value", 0),
                                          .datum_b = number_of(arg, "valueTwo", 0) };
            return 0;
        }
    }
    return error_set(err, ERR_INVALID, "unknown comparison '%.60s'", op != NULL ? op : "");
}

static int add_rule(const struct compile *c, const char *name, int number, uint32_t action, const struct scmp_arg_cmp *args, unsigned n)
{
    int rc = seccomp_rule_add_array(c->ctx, action, number, n, args);
    return rc == 0 ? 0 : error_set_errno(c->err, -rc, "system call %s", name);
}

static int add_call(const struct compile *c, const char *name, uint32_t action, const cJSON *args)
{
    struct scmp_arg_cmp cmp[6];
    unsigned n = 0, seen = 0;
    bool alternatives = false;
    const cJSON *a;
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    if (cJSON_GetArraySize(args) > 6)
        return error_set(c->err, ERR_INVALID, "system call %.60s has more than 6 conditions", name);
    cJSON_ArrayForEach(a, args)
    {
        if (compare_of(a, &cmp[n], c->err) != 0)
            return error_wrap(c->err, "system call %.60s", name);
        alternatives = alternatives || (seen >> cmp[n].arg & 1) != 0;
        seen |= 1u << cmp[n++].arg;
    }
    if (!alternatives)
        return add_rule(c, name, number, action, cmp, n);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = add_rule(c, name, number, action, &cmp[i], 1);
    return rc;
}

static int add_entry(const struct compile *c, const cJSON *entry)
{
    const cJSON *names = item(entry, "names"), *one = item(entry, "name"), *e;
    uint32_t action;
    if (!is_included(c, item(entry, "includes")) || is_excluded(c, item(entry, "excludes")))
        return 0;
    int rc = action_of(text_of(entry, "action"), number_of(entry, "errnoRet", EPERM), &action, c->err);
    if (rc == 0 && !cJSON_IsString(one) && !cJSON_IsArray(names))
        rc = error_set(c->err, ERR_INVALID, "an entry of 'syscalls' has neither 'names' nor 'name'");
    if (rc != 0 || action == c->default_action)
        return rc;
    if (cJSON_IsString(one))
        rc = add_call(c, one->valuestring, action, item(entry, "args"));
    cJSON_ArrayForEach(e, names)
    {
        if (rc == 0 && cJSON_IsString(e))
            rc = add_call(c, e->valuestring, action, item(entry, "args"));
    }
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static int add_arch(const struct compile *c, const char *name)
{
    char lower[64] = "";
    for (size_t i = 0; name != NULL && strncmp(name, "SCMP_ARCH_", 10) == 0 && name[10 + i] != 0 && i < sizeof lower - 1; i++)
        lower[i] = (char)(name[10 + i] >= 'A' && name[10 + i] <= 'Z' ? name[10 + i] + 32 : name[10 + i]);
    uint32_t arch = lower[0] != 0 ? seccomp_arch_resolve_name(lower) : 0;
    if (arch == 0)
        return error_set(c->err, ERR_INVALID, "unknown architecture '%.60s'", name != NULL ? name : "");
    int rc = seccomp_arch_add(c->ctx, arch);
    return rc == 0 || rc == -EEXIST ? 0 : error_set_errno(c->err, -rc, "architecture %s", name);
}

/* Of archMap the row of this machine; of architectures those that it can run too. */
static int add_arches(const struct compile *c, const cJSON *profile)
{
    const cJSON *e, *row;
    int rc = 0;
    cJSON_ArrayForEach(e, item(profile, "architectures"))
    {
        if (rc == 0)
            rc = add_arch(c, cJSON_GetStringValue(e));
    }
    cJSON_ArrayForEach(row, item(profile, "archMap"))
    {
        const char *name = text_of(row, "architecture");
        char lower[64];
        size_t n = 0;
        for (const char *p = name != NULL && strlen(name) > 10 ? name + 10 : ""; *p != 0 && n < sizeof lower - 1; p++)
            lower[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        lower[n] = 0;
        if (n == 0 || seccomp_arch_resolve_name(lower) != seccomp_arch_native())
            continue;
        cJSON_ArrayForEach(e, item(row, "subArchitectures"))
        {
            if (rc == 0)
                rc = add_arch(c, cJSON_GetStringValue(e));
        }
    }
    return rc;
}

static int export(const struct compile *c, struct sbuf *program)
{
    CLEANUP(fd_close_p) int fd = memfd_create("stoa-seccomp", MFD_CLOEXEC);
    char piece[4096];
    ssize_t n;
    if (fd < 0)
        return error_set_errno(c->err, errno, "memory for a filter");
    int rc = seccomp_export_bpf(c->ctx, fd);
    if (rc != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(c->err, rc != 0 ? -rc : errno, "the filter's program");
    while ((n = read(fd, piece, sizeof piece)) > 0)
        sbuf_add(program, piece, (size_t)n);
    if (!sbuf_ok(program) || program->n > SECCOMP_PROGRAM_MAX)
        return error_set(c->err, ERR_LIMIT, "the filter has more than %d instructions, the most that the kernel takes", SECCOMP_PROGRAM_MAX / 8);
    return 0;
}

static int compile(struct compile *c, const cJSON *profile, struct sbuf *program)
{
    const cJSON *e;
    int rc = action_of(text_of(profile, "defaultAction"), number_of(profile, "defaultErrnoRet", EPERM), &c->default_action, c->err);
    if (rc != 0)
        return error_wrap(c->err, "defaultAction");
    c->ctx = seccomp_init(c->default_action);
    if (c->ctx == NULL)
        return error_set(c->err, ERR_UNAVAILABLE, "libseccomp makes no filter with this default action");
    rc = add_arches(c, profile);
    cJSON_ArrayForEach(e, item(profile, "syscalls"))
    {
        if (rc == 0)
            rc = add_entry(c, e);
    }
    if (rc == 0)
        rc = export(c, program);
    seccomp_release(c->ctx);
    return rc;
}

int seccomp_compile(struct str text, uint64_t capabilities, struct sbuf *program, struct error *err)
{
    CLEANUP(json_free_p) json_ptr profile = NULL;
    struct compile c = { .capabilities = capabilities, .err = err };
    int rc = json_parse(text, &profile, err);
    if (rc == 0 && !cJSON_IsObject(profile))
        rc = error_set(err, ERR_INVALID, "it is no JSON object");
    return rc != 0 ? rc : compile(&c, profile, program);
}

/* New namespaces by clone: the flags are a bit mask, so each is a rule. clone3 has them in memory, where a filter cannot look: ENOSYS makes
 * the C library fall back to clone. */
#define CLONE_RULE(flag) "{\"names\":[\"clone\",\"unshare\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":" flag \
                         ",\"valueTwo\":" flag ",\"op\":\"SCMP_CMP_MASKED_EQ\"}],\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"

const char seccomp_default_profile[] =
    "{\"defaultAction\":\"SCMP_ACT_ALLOW\","
    "\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]},"
    "{\"architecture\":\"SCMP_ARCH_AARCH64\",\"subArchitectures\":[\"SCMP_ARCH_ARM\"]}],\"syscalls\":["
    /* the kernel itself, whoever asks */
    "{\"names\":[\"kexec_load\",\"kexec_file_load\",\"init_module\",\"finit_module\",\"delete_module\",\"create_module\",\"query_module\","
    "\"get_kernel_syms\",\"iopl\",\"ioperm\",\"swapon\",\"swapoff\",\"reboot\",\"acct\",\"nfsservctl\",\"vm86\",\"vm86old\",\"uselib\","
    "\"ustat\",\"sysfs\",\"_sysctl\",\"lookup_dcookie\",\"userfaultfd\",\"add_key\",\"request_key\",\"keyctl\",\"perf_event_open\"],"
    "\"action\":\"SCMP_ACT_ERRNO\"},"
    /* what needs a capability that most containers have not, and has been the way in all the same */
    "{\"names\":[\"mount\",\"umount\",\"umount2\",\"pivot_root\",\"move_mount\",\"open_tree\",\"fsopen\",\"fsconfig\",\"fsmount\",\"fspick\","
    "\"mount_setattr\",\"setns\",\"bpf\",\"fanotify_init\",\"quotactl\",\"quotactl_fd\",\"sethostname\",\"setdomainname\",\"syslog\"],"
    "\"action\":\"SCMP_ACT_ERRNO\",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
    "{\"names\":[\"open_by_handle_at\"],\"action\":\"SCMP_ACT_ERRNO\",\"excludes\":{\"caps\":[\"CAP_DAC_READ_SEARCH\"]}},"
    "{\"names\":[\"settimeofday\",\"stime\",\"clock_settime\",\"clock_settime64\"],\"action\":\"SCMP_ACT_ERRNO\","
    "\"excludes\":{\"caps\":[\"CAP_SYS_TIME\"]}},"
    "{\"names\":[\"process_vm_readv\",\"process_vm_writev\",\"kcmp\"],\"action\":\"SCMP_ACT_ERRNO\",\"excludes\":{\"caps\":[\"CAP_SYS_PTRACE\"]}},"
    CLONE_RULE("131072") CLONE_RULE("33554432") CLONE_RULE("67108864") CLONE_RULE("134217728") CLONE_RULE("268435456")
    CLONE_RULE("536870912") CLONE_RULE("1073741824")
    "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}"
    "]}";
