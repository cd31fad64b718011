#include "controller/timers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/seal.h"
#include "auth/who.h"
#include "base/log.h"
#include "compute/console.h"
#include "compute/report.h"
#include "controller/transfers.h"
#include "identity/auth.h"
#include "image/sweep.h"

LOG_MODULE("timers");

enum { PERIOD_S = 1, SWEEP_PERIODS = 60 };

struct timers {
    struct timers_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
};

static int expire(struct cx *cx, void *arg)
{
    cx->who = who_system();
    TRY(console_expire(cx));
    return compute_expire(cx);
}

/* A pass that finds nothing writes nothing, and then the store commits nothing. */
static void pass(struct timers *t)
{
    CLEAN_CX cx;

    cx_begin(&cx);
    if (store_write_wait(t->config.store, &cx, expire, NULL) < 0)
        log_error("deadlines not enforced: %s", cx.text ? cx.text : "the store failed");
}

static void rotate_keys(struct seal_ring *ring)
{
    int r = seal_ring_rotate_if_older(ring, AUTH_TOKEN_KEY_US);

    if (r < 0)
        log_error("the token keys stay as they are: %s", strerror(-r));
    else if (r)
        log_info("new token key; what the last one sealed opens for another day");
}

static bool wait_a_period(struct timers *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until); /* whoever sets the clock does not stop us */
    until.tv_sec += PERIOD_S;
    pthread_mutex_lock(&t->lock);
    if (!t->stopping)
        pthread_cond_timedwait(&t->wake, &t->lock, &until);
    bool go_on = !t->stopping;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct timers *t = arg;

    for (unsigned n = 0; wait_a_period(t); n++) {
        pass(t);
        if (n % SWEEP_PERIODS == 0) {
            images_sweep(t->config.store, t->config.transfers->images);
            consoles_sweep(t->config.transfers);
            rotate_keys(t->config.ring);
        }
    }
    return NULL;
}

struct timers *timers_start(const struct timers_config *config)
{
    struct timers *t = calloc(1, sizeof *t);
    pthread_condattr_t monotonic;

    if (!t)
        abort();
    t->config = *config;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&t->thread, NULL, run, t) != 0)
        abort();
    return t;
}

void timers_stop(struct timers *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    free(t);
}
