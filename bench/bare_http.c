/* bare-http PORT [CERT KEY]: the least that libmicrohttpd can do with the daemon flags of src/http: 'GET /N' and
 * 'HEAD /N' answer N bytes with as many headers as the API's answers have.  The yardstick of every read. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 8 << 20 };

static char *bytes;

static void add_headers(struct MHD_Response *r)
{
    MHD_add_response_header(r, "Content-Type", "application/json");
    MHD_add_response_header(r, "X-Openstack-Request-Id", "req-00000000-0000-4000-8000-000000000000");
    MHD_add_response_header(r, "X-Compute-Request-Id", "req-00000000-0000-4000-8000-000000000000");
    MHD_add_response_header(r, "Openstack-Api-Version", "compute 2.1");
    MHD_add_response_header(r, "X-OpenStack-Nova-API-Version", "2.1");
    MHD_add_response_header(r, "Vary", "OpenStack-API-Version");
}

static enum MHD_Result answer(void *self, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                              const char *data, size_t *n_data, void **seen)
{
    size_t n = strtoul(url + 1, NULL, 10);

    if (!*seen) {
        *seen = bytes;
        return MHD_YES;
    }
    if (*n_data) { /* a body is read and dropped */
        *n_data = 0;
        return MHD_YES;
    }
    struct MHD_Response *r = MHD_create_response_from_buffer(n < MOST ? n : MOST, bytes, MHD_RESPMEM_PERSISTENT);
    add_headers(r);
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return result;
}

static char *read_pem(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 1 << 16);

    if (!f || !text || fread(text, 1, (1 << 16) - 1, f) == 0) {
        fprintf(stderr, "bare-http: %s cannot be read\n", path);
        exit(1);
    }
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: bare-http PORT [CERT KEY]\n");
        return 2;
    }
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, NULL },
                                    { MHD_OPTION_HTTPS_MEM_KEY, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL } };

    bytes = malloc(MOST);
    if (!bytes)
        return 1;
    memset(bytes, '1', MOST);
    if (argc == 4) {
        flags |= MHD_USE_TLS;
        tls[0].ptr_value = read_pem(argv[2]);
        tls[1].ptr_value = read_pem(argv[3]);
    }
    const struct MHD_Daemon *d = MHD_start_daemon(
        flags, (uint16_t)strtoul(argv[1], NULL, 10), NULL, NULL, answer, NULL, MHD_OPTION_THREAD_POOL_SIZE, 2u,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, 2000u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)32 * 1024, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_ARRAY, argc == 4 ? tls : &tls[2], MHD_OPTION_END);
    if (!d) {
        fprintf(stderr, "bare-http: cannot listen on port %s\n", argv[1]);
        return 1;
    }
    for (;;)
        pause();
}
