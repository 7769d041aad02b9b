/* SPDX-License-Identifier: Apache-2.0 */
/* A real ZooKeeper server for the tests of one program: started at the first use on ports of its own, killed
 * with the program. zk_server_missing says why there is none. */
#ifndef STOA_TEST_ZK_SERVER_H
#define STOA_TEST_ZK_SERVER_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/conn.h"
#include "common/io/fs.h"
#include "common/io/loop.h"
#include "common/io/net.h"
#include "common/io/zk.h"
#include "tests/support/test.h"

static char zk_dir[64];
static pid_t zk_pid;
static unsigned zk_port;

static inline const char *zk_server_missing(void)
{
    if (access("/usr/share/java/zookeeper.jar", R_OK) != 0)
        return "/usr/share/java/zookeeper.jar is not there (apt-get install libzookeeper-java)";
    if (access("/usr/bin/java", X_OK) != 0)
        return "java is not there (apt-get install default-jre-headless)";
    return NULL;
}

static inline void zk_server_kill(void)
{
    if (zk_pid <= 0)
        return;
    (void)kill(zk_pid, SIGKILL);
    (void)waitpid(zk_pid, NULL, 0);
    zk_pid = 0;
}

/* A line for its configuration, from its next start on. */
static inline void zk_server_set(const char *line)
{
    char path[100];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", zk_dir);
    int fd = open(path, O_WRONLY | O_APPEND);
    CHECK(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line) && write(fd, "\n", 1) == 1);
    (void)close(fd);
}

static inline void zk_server_end(void)
{
    zk_server_kill();
    (void)fs_remove_tree(zk_dir, NULL);
}

static inline bool zk_server_answers(void)
{
    struct net_addr a;
    char buf[512] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage sa;
    ssize_t n = 0, k;
    struct timeval patience = { 0, 500000 };

    (void)net_parse_ip(STR("127.0.0.1"), (uint16_t)zk_port, &a);
    socklen_t size = net_to_sockaddr(&a, &sa);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                     sizeof patience); /* a server that is starting may not answer */
    if (connect(fd, (struct sockaddr *)&sa, size) == 0 && write(fd, "srvr", 4) == 4)
        while (n < 500 && (k = read(fd, buf + n, 500 - (size_t)n)) > 0)
            n += k;
    (void)close(fd);
    return strstr(buf, "Mode:") != NULL;
}

static inline void zk_server_run(void)
{
    char cfg[100], log[100];

    (void)snprintf(cfg, sizeof cfg, "%s/zoo.cfg", zk_dir);
    (void)snprintf(log, sizeof log, "%s/log", zk_dir);
    pid_t parent = getpid();
    zk_pid = fork();
    if (zk_pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        execl("/usr/bin/java", "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
              "-Dzookeeper.admin.enableServer=false", "-Djava.net.preferIPv4Stack=true", "-cp",
              "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar",
              "org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200 && !zk_server_answers(); i++)
        (void)usleep(50000);
}

/* Starts it when it is not running. False: the case was marked skipped. */
static inline bool zk_server(void)
{
    const char *missing = zk_server_missing();
    struct sbuf b = SBUF_INIT(4096);
    char path[100];

    if (missing != NULL) {
        test_skip("%s", missing);
        return false;
    }
    if (zk_pid > 0)
        return true;
    if (zk_dir[0] == '\0') {
        (void)snprintf(zk_dir, sizeof zk_dir, "/tmp/stoa-test-zk-XXXXXX");
        CHECK(mkdtemp(zk_dir) != NULL);
        (void)atexit(zk_server_end);
        zk_port = 29000 + (unsigned)getpid() % 900;
        sbuf_fmt(&b,
                 "tickTime=200\ninitLimit=50\nsyncLimit=25\nminSessionTimeout=400\nmaxSessionTimeout="
                 "60000\ndataDir=%s/data\n"
                 "clientPort=%u\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n",
                 zk_dir, zk_port);
        (void)snprintf(path, sizeof path, "%s/zoo.cfg", zk_dir);
        int fd = open(path, O_WRONLY | O_CREAT, 0644);
        CHECK(write(fd, b.p, b.n) == (ssize_t)b.n);
        (void)close(fd);
        sbuf_done(&b);
    }
    zk_server_run();
    return true;
}

/* zk://127.0.0.1:port/path; credentials NULL: none. */
static inline struct zk *zk_client(struct loop *loop, const char *credentials, int64_t timeout_ns)
{
    char text[200];
    struct zk_url url = { NULL, NULL, NULL };
    struct error err = { .msg = "" };
    struct zk *zk = NULL;

    (void)snprintf(text, sizeof text, "zk://%s%s127.0.0.1:%u/t", credentials != NULL ? credentials : "",
                   credentials != NULL ? "@" : "", zk_port);
    struct zk_options o = { .url = &url, .session_timeout_ns = timeout_ns };
    if (zk_url_parse(&url, str_of(text), false, &err) != 0 || zk_new(&zk, loop, &o, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    zk_url_done(&url);
    return zk;
}

#endif
