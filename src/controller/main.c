/* alamod: the controller.  Reads its settings, opens the store, mounts the faces, runs until told to stop.
 *
 *     alamod --config FILE    run
 *     alamod --dump-api       write all routes as JSON; exit 1 when one breaks a rule */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/core/core.h"
#include "auth/password.h"
#include "auth/seal.h"
#include "base/log.h"
#include "controller/agents.h"
#include "controller/faces.h"
#include "controller/settings.h"
#include "controller/setup.h"
#include "controller/timers.h"
#include "controller/transfers.h"
#include "api/core/contexts.h"
#include "http/server.h"
#include "identity/auth.h"
#include "image/sweep.h"
#include "store/migrations.h"

LOG_MODULE("alamod");

struct program {
    struct settings settings;
    struct seal_ring *ring, *secrets; /* of tokens; of what users keep here */
    struct hash_pool *pool;
    struct store *store;
    struct transfers transfers;
    struct relays *relays;
    struct agents *agents;
    struct timers *timers;
    struct core *core;
    struct faces *faces;
    struct http_server *https, *http, *agent_port;
};

/* Nothing here needs root once the ports above 1024 are known; the store and the images belong to the user. */
static int become_user(struct cx *cx, const char *name)
{
    if (geteuid() != 0 || str_empty(name))
        return 0;
    const struct passwd *pw = getpwnam(name);
    if (!pw)
        return fail(cx, KIND_INVALID, "there is no user %s: make it (useradd --system %s) or set 'user'", name, name);
    if (initgroups(name, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
        return fail(cx, KIND_INTERNAL, "cannot become user %s: %s", name, strerror(errno));
    return 0;
}

/* Two on one store would undo each other's work: a start puts right what only a dead process can have left.  The lock
 * goes with the process, however it ends. */
static int lock_data(struct cx *cx, const struct settings *s)
{
    const char *path = settings_data_file(cx, s, "alamod.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* held for good */

    if (fd < 0)
        return fail(cx, KIND_INTERNAL, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return fail(cx, KIND_CONFLICT, "another alamod runs on %s: stop it first", s->data_dir);
    return 0;
}

static int load_keys(struct cx *cx, struct seal_ring **ret_ring, const char *path)
{
    int r = seal_ring_load(ret_ring, path);
    return r < 0 ? fail(cx, KIND_INTERNAL, "the keys in %s cannot be used: %s", path, strerror(-r)) : 0;
}

/* The keys of tokens are ours to change, and a backup shall not bring old tokens back; those of what users keep here must
 * last, so they are root's, in config_dir, and part of each backup. */
static int open_store(struct cx *cx, struct program *p)
{
    const struct store_config config = { .path = settings_data_file(cx, &p->settings, "alamo.db") };

    TRY(load_keys(cx, &p->ring, settings_data_file(cx, &p->settings, "token.keys")));
    TRY(load_keys(cx, &p->secrets, settings_config_file(cx, &p->settings, "secret.keys")));
    if (hash_pool_new(&p->pool, 1, 0) < 0)
        return fail(cx, KIND_INTERNAL, "no threads to be had for the password pool");
    int r = store_open(&p->store, &config, store_migrations, n_store_migrations);
    if (r < 0)
        return fail(cx, KIND_INTERNAL, "the store %s cannot be opened: %s", config.path, strerror(-r));
    return 0;
}

static int listen_on(struct cx *cx, struct http_server **ret_server, struct http_config config,
                     struct http_handler handler, const char *what)
{
    int r = http_server_start(ret_server, &config, &handler);
    if (r < 0)
        return fail(cx, KIND_INTERNAL, "cannot listen on %s:%u for %s: %s", config.address, config.port, what, strerror(-r));
    log_info("%s on %s:%u", what, config.address, http_server_port(*ret_server));
    return 0;
}

/* Strangers may connect: no address gets more than a part of the connections. */
enum { ADDRESS_CONNECTIONS = 500 };

static int open_ports(struct cx *cx, struct program *p)
{
    const struct settings *s = &p->settings;
    struct http_handler api = core_http_handler(p->core);
    struct http_config tls = { .address = s->address, .port = (uint16_t)s->port, .threads = (unsigned)s->threads,
                               .cert_file = settings_config_file(cx, s, "server.pem"),
                               .key_file = settings_config_file(cx, s, "server-key.pem") };
    struct http_config agents = tls;

    api.sharer = http_sharer_by_address;
    tls.sharer_max = ADDRESS_CONNECTIONS;
    agents.address = s->agent_address;
    agents.port = (uint16_t)s->agent_port;
    agents.threads = 1;
    agents.client_ca_file = settings_config_file(cx, s, "ca.pem");
    TRY(listen_on(cx, &p->https, tls, api, "API and console"));
    TRY(listen_on(cx, &p->agent_port, agents, agents_http_handler(p->agents), "agents"));
    if (!s->http_port)
        return 0;
    const struct http_config plain = { .address = "127.0.0.1", .port = (uint16_t)s->http_port, .threads = tls.threads };
    return listen_on(cx, &p->http, plain, api, "plain HTTP, loopback only");
}

static int start(struct cx *cx, struct program *p)
{
    const struct settings *s = &p->settings;

    TRY(faces_before_threads(cx, s, &p->faces));
    http_open_files();
    TRY(become_user(cx, s->user));
    umask(027);
    TRY(lock_data(cx, s));
    TRY(open_store(cx, p));
    TRY(faces_open(cx, p->faces, s, p->store, p->ring, p->secrets));
    p->transfers = (struct transfers){ p->store, faces_contexts(p->faces)->images,
                                       consoles_open(settings_data_file(cx, s, "consoles")) };
    faces_set_consoles(p->faces, &p->transfers);
    p->relays = relays_new(0);
    faces_set_relays(p->faces, p->relays);
    p->agents = agents_new(&(struct agents_config){ p->store, &p->transfers, p->relays });
    TRY(setup_run(cx, p->store, s, p->secrets));
    if (images_recover(p->store) < 0)
        return fail(cx, KIND_INTERNAL, "the state of images could not be repaired");
    p->core = core_new(&(struct core_config){
        .store = p->store,
        .pool = p->pool,
        .base_url = s->public_url,
        .faces = faces_all(),
        .authenticate = identity_authenticate,
        .authenticate_arg = faces_contexts(p->faces)->identity,
        .user = faces_contexts(p->faces),
        .realm_url = cx_printf(cx, "%s/identity", s->public_url),
    });
    p->timers = timers_start(&(struct timers_config){ p->store, &p->transfers, p->ring });
    return open_ports(cx, p);
}

/* Ports first: nothing new comes in; then what works for them. */
static void stop(struct program *p)
{
    timers_stop(p->timers);
    if (p->agents)
        agents_stop(p->agents);
    http_server_stop(p->http);
    http_server_stop(p->https);
    http_server_stop(p->agent_port);
    hash_pool_free(p->pool);
    store_close(p->store);
    core_free(p->core);
    if (p->agents)
        agents_free(p->agents);
    relays_free(p->relays);
    faces_free(p->faces);
    seal_ring_free(p->ring);
    seal_ring_free(p->secrets);
}

static int dump_api(void)
{
    CLEAN_CX cx;
    cx_begin(&cx);
    struct jwriter w = jwriter_new(cx.arena);
    int broken = core_dump(faces_all(), &w);
    puts(buf_text(&w.out));
    if (broken)
        fprintf(stderr, "alamod: %d routes have no policy or nobody who may call them\n", broken);
    return broken ? 1 : 0;
}

static int run(const char *config)
{
    static struct program p;
    CLEAN_CX cx;
    sigset_t set;
    int sig;

    cx_begin(&cx);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread: only sigwait() below takes them */
    signal(SIGPIPE, SIG_IGN);
    int r = settings_read(&cx, config, &p.settings);
    if (r == 0)
        r = start(&cx, &p);
    if (r < 0)
        log_error("%s", cx.text ? cx.text : strerror(-r));
    else {
        log_info("ready url=%s", p.settings.public_url);
        sigwait(&set, &sig);
        log_info("stopping");
    }
    stop(&p);
    return r < 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--dump-api") == 0)
        return dump_api();
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("alamod " ALAMO_VERSION) < 0;
    if (argc == 3 && strcmp(argv[1], "--config") == 0)
        return run(argv[2]);
    fprintf(stderr, "usage: alamod --config FILE | --dump-api | --version\n");
    return 2;
}
