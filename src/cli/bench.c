/* bench: measures this machine's cloud and prints a table. */
#include "cli/bench.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/preload.h"
#include "cli/process.h"
#include "json/read.h"

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

bool bench_stopped(void)
{
    return stopped;
}

int bench_interrupted(struct bench *b)
{
    return fail(b->cli->cx, KIND_UNAVAILABLE, "interrupted");
}

/* ---- the table ---- */

void bench_title(const char *text)
{
    printf("\n%s\n", text);
}

void bench_row(const char *what, const char *here, const char *beside, const char *goal)
{
    printf("  %-50s %12s  %-*s%s%s\n", what, here, *goal ? 34 : 0, beside, *goal ? " " : "", goal);
}

void bench_note(const char *fmt, ...)
{
    va_list args;

    fputs("  (", stdout);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    puts(")");
}

const char *bench_verdict(bool met)
{
    return met ? "met" : "missed";
}

/* ---- numbers ---- */

void samples_add(struct bench *b, struct samples *s, double value)
{
    *arena_push(b->cli->cx->arena, &s->items, &s->n) = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_median(const struct samples *s)
{
    if (!s->n)
        return 0;
    qsort(s->items, s->n, sizeof *s->items, by_value);
    return (s->items[(s->n - 1) / 2] + s->items[s->n / 2]) / 2;
}

/* ---- what the agent makes ---- */

enum { RULES_TEXT_MAX = 16 << 20 };
/* clang-format off */
static const struct field rules_fields[] = {
    I64(struct bench_rules, n), STR(struct bench_rules, text, .max = RULES_TEXT_MAX), { 0 } };
static const struct field disk_fields[] = {
    STR(struct bench_disk, image_id), STR(struct bench_disk, path, .max = 4096), { 0 } };
static const struct field parts_fields[] = {
    STR(struct bench_parts, io), STR(struct bench_parts, tap), STR(struct bench_parts, bridge),
    STR(struct bench_parts, mac), STR(struct bench_parts, guest_ip), STR(struct bench_parts, host_ip),
    LIST(struct bench_parts, rules, struct bench_rules, rules_fields),
    LIST(struct bench_parts, disks, struct bench_disk, disk_fields),
    { 0 },
};
/* clang-format on */

int bench_parts(struct bench *b, struct bench_parts *ret_parts)
{
    struct cx *cx = b->cli->cx;
    const char *const argv[] = { cli_program(b->cli, "alamo-agent"), "--bench-parts", b->dir, NULL };
    const char *output = "";
    const struct json_t *doc;

    memset(ret_parts, 0, sizeof *ret_parts);
    int code = process_run(b->cli, argv, &output);
    if (code)
        return code < 0 ? code : fail(cx, KIND_UNAVAILABLE, "%s failed: %.300s", argv[0], output);
    TRY(json_parse(cx, output, strlen(output), &doc));
    return json_read(cx, parts_fields, doc, (struct json_rules){ .lenient = true, .admin = true }, ret_parts);
}

/* ---- the command ---- */

/* "--image=FILE", "--image FILE"; NULL: not given.  '*ret_no_guest': "--no-guest". */
static int read_words(struct cli *cli, const char **ret_image, bool *ret_no_guest)
{
    *ret_image = NULL;
    *ret_no_guest = false;
    for (int i = 0; i < cli->argc; i++)
        if (str_eq(cli->argv[i], "--no-guest"))
            *ret_no_guest = true;
        else if (str_eq(cli->argv[i], "--image") && i + 1 < cli->argc)
            *ret_image = cli->argv[++i];
        else if (!str_starts(cli->argv[i], "--image=", ret_image))
            return fail(cli->cx, KIND_INVALID, "bench: what is %s? It takes --image FILE and --no-guest",
                        cli->argv[i]);
    return 0;
}

/* Beside the guest image that is preloaded. */
static const char *built_image(struct cli *cli)
{
    const char *beside = preload_file(cli), *slash = strrchr(beside, '/');
    return cx_printf(cli->cx, "%.*s/debian.qcow2", (int)(slash - beside), beside);
}

static int make_dir(struct cli *cli, const char **ret_dir)
{
    char *dir = cx_strdup(cli->cx, cli_data_file(cli, "bench.XXXXXX"));

    if (!mkdtemp(dir))
        return fail(cli->cx, KIND_UNAVAILABLE, "%s can't be made: %s", dir, strerror(errno));
    *ret_dir = dir;
    return 0;
}

static int remove_dir(struct cli *cli, const char *dir)
{
    const char *const argv[] = { "rm", "-rf", dir, NULL };
    return process_must(cli, argv);
}

static int run(struct bench *b, bool no_guest)
{
    bench_row("", "here", "beside it", "goal, or what 2012 measured");
    TRY(bench_disk(b));
    TRY(bench_net(b));
    return no_guest ? 0 : bench_guest(b);
}

int command_bench(struct cli *cli)
{
    const struct sigaction action = { .sa_handler = on_signal };
    struct bench b = { .cli = cli };
    bool no_guest;

    TRY(read_words(cli, &b.image, &no_guest));
    if (geteuid() != 0)
        return fail(cli->cx, KIND_FORBIDDEN, "bench makes network namespaces: run it as root");
    if (!b.image)
        b.image = built_image(cli);
    else if (!files_there(b.image))
        return fail(cli->cx, KIND_NOT_FOUND, "%s: there is no such file", b.image);
    TRY(cli_settings_complete(cli->cx, &cli->settings));
    TRY(make_dir(cli, &b.dir));
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int r = run(&b, no_guest);
    const char *text = cli->cx->text;
    TRY(remove_dir(cli, b.dir));
    cli->cx->text = text;
    return r;
}
