/* settings.h - what alamod can be told; the table in settings.c is the manual. */
#pragma once
#include "base/config.h"

struct settings {
    const char *address;           /* where clients reach us; HTTPS */
    int port;
    int http_port;                 /* plain HTTP on loopback only, for measuring; 0: none */
    const char *agent_address;     /* where agents reach us; HTTPS with client certificates */
    int agent_port;
    const char *public_url;        /* in every link; "https://192.0.2.2:8443" */
    const char *config_dir, *data_dir;
    const char *user;              /* to become when started by root */
    const char *region, *admin_user, *demo_user;
    const char *fixed_range, *floating_range, *public_range, *public_gateway;
    struct strs dns;
    int threads;
};

/* Reads 'path' (NULL: defaults).  Errors: as config_read(). */
int settings_read(struct cx *cx, const char *path, struct settings *ret_settings) MUST_CHECK;
/* A file below config_dir or data_dir. */
const char *settings_config_file(struct cx *cx, const struct settings *s, const char *name);
const char *settings_data_file(struct cx *cx, const struct settings *s, const char *name);
