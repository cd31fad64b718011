/* client_internal.h - private to http/: what calls and upgraded connections of the client share. */
#pragma once
#include <curl/curl.h>

#include "http/client.h"

struct http_client {
    CURL *curl;
    char *ca_file, *cert_file, *key_file, *user_agent;
};

/* Who it is and whom it trusts. */
void client_set_tls(const struct http_client *c, CURL *curl);
/* Which ways it goes, and for how long. */
void client_set_transport(CURL *curl, int64_t timeout_ms);
int client_errno_of(CURLcode code);
