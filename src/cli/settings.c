#include "cli/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/keyfile.h"
#include "base/buf.h"
#include "cli/answers.h"
#include "cli/host.h"

static const char *const roles[] = { "All-In-One", NULL };
static const char *const kvm_values[] = { "auto", "no", NULL };

/* clang-format off */
static const struct field table[] = {
    STR(struct cli_settings, role, .preset = "All-In-One", .one_of = roles, .expected = "what this machine does"),
    STR(struct cli_settings, public_nic, .expected = "NIC of the public network; default: the default route's"),
    STR(struct cli_settings, public_address, .expected = "its address; default: the NIC's first"),
    STR(struct cli_settings, bridge, .preset = "br0", .max = 15, .expected = "bridge of the servers' network"),
    STR(struct cli_settings, fixed_range, .preset = "172.31.0.0/24", .expected = "addresses of servers"),
    STR(struct cli_settings, floating_range, .preset = "198.51.100.0/26", .expected = "floating addresses"),
    STRS(struct cli_settings, dmz, .expected = "networks that see servers' own addresses"),
    STRS(struct cli_settings, dns, .expected = "name servers for servers; default: the host's"),
    STR(struct cli_settings, https_address, .expected = "where the API and the console listen; default: public_address"),
    INT(struct cli_settings, https_port, .preset = "8443", .min = 1, .max = 65535, .expected = "their port"),
    INT(struct cli_settings, http_port, .preset = "0", .min = 0, .max = 65535, .bounded = true,
        .expected = "the API without TLS, on loopback only; 0: none"),
    INT(struct cli_settings, agent_port, .preset = "8444", .min = 1, .max = 65535, .expected = "where agents call"),
    INT(struct cli_settings, metadata_port, .preset = "8775", .min = 1, .max = 65535,
        .expected = "where servers' questions to 169.254.169.254 end"),
    STR(struct cli_settings, user, .preset = "alamo", .expected = "system user of the controller"),
    STR(struct cli_settings, region, .preset = "RegionOne", .expected = "name of the region"),
    STR(struct cli_settings, demo_user, .preset = "demo", .expected = "the first user, and that user's project"),
    STR(struct cli_settings, host_name, .expected = "name of this machine in the cloud; default: its host name"),
    STR(struct cli_settings, config_dir, .preset = "/etc/alamo", .expected = "settings, certificates, passwords"),
    STR(struct cli_settings, data_dir, .preset = "/var/lib/alamo", .expected = "database, images, disks, logs"),
    STR(struct cli_settings, run_dir, .preset = "/run/alamo", .expected = "what a reboot forgets"),
    STR(struct cli_settings, image_dir, .expected = "guest images to preload"),
    STR(struct cli_settings, driver, .preset = "real", .expected = "\"real\", or \"fake:SOCKET\" for tests"),
    STR(struct cli_settings, kvm, .preset = "auto", .one_of = kvm_values, .expected = "auto: by trial; no: never"),
    BOOL(struct cli_settings, trust_ca, .preset = "true",
         .expected = "programs on this machine trust the cloud's authority (not with ALAMO_ROOT)"),
    STR(struct cli_settings, admin_password, .expected = "the administrator's first password; default: random"),
    STR(struct cli_settings, demo_password, .expected = "the first user's; default: random"),
    { 0 },
};
/* clang-format on */

static const char *const secrets[] = { "admin_password", "demo_password", NULL };

static bool is_secret(const char *key)
{
    for (const char *const *s = secrets; *s; s++)
        if (strcmp(*s, key) == 0)
            return true;
    return false;
}

static const char *conf_path(struct cx *cx, const struct cli_settings *s)
{
    return cx_printf(cx, "%s/alamo.conf", s->config_dir);
}

/* ---- the sources ---- */

static int set_root(struct cx *cx, struct cli_settings *s)
{
    const char *root = getenv("ALAMO_ROOT");

    if (str_empty(root))
        return 0;
    if (*root != '/')
        return fail(cx, KIND_INVALID, "ALAMO_ROOT: '%s' is no absolute path", root);
    s->config_dir = cx_printf(cx, "%s/etc", root);
    s->data_dir = cx_printf(cx, "%s/data", root);
    s->run_dir = cx_printf(cx, "%s/run", root);
    return 0;
}

static int set_from_environment(struct cx *cx, struct cli_settings *s)
{
    for (const struct field *f = table; f->name; f++) {
        char *name = cx_printf(cx, "ALAMO_%s", f->name);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        const char *value = getenv(name);
        if (value)
            TRY(config_set(cx, table, cx_printf(cx, "%s in the environment", name), f->name, value, s));
    }
    return 0;
}

/* What the command line says: the settings on it, and the answer file. */
struct given {
    struct strmap settings;
    const char *answers;
};

static int take_word(struct cx *cx, struct given *given, const char *key, const char *value)
{
    if (!value)
        return fail(cx, KIND_INVALID, "--%s wants a value", key);
    if (strcmp(key, "answers") == 0) {
        given->answers = value;
        return 0;
    }
    if (is_secret(key))
        return fail(cx, KIND_INVALID,
                    "%s: others can read the command line; give it in an answer file or as ALAMO_%s", key,
                    key);
    *arena_push(cx->arena, &given->settings.items, &given->settings.n) = (struct strpair){ key, value };
    return 0;
}

/* Sorts argv into settings and the rest. */
static int take_words(struct cx *cx, int *argc, char **argv, struct given *given)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        const char *word;
        if (!str_starts(argv[i], "--", &word) || !*word) {
            argv[kept++] = argv[i];
            continue;
        }
        size_t n = strcspn(word, "=");
        char *key = arena_strndup(cx->arena, word, n);
        for (char *c = key; *c; c++)
            *c = *c == '-' ? '_' : *c;
        if (!field_find(table, key, 0) && strcmp(key, "answers") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *value = word[n] ? word + n + 1 : i + 1 < *argc ? argv[++i] : NULL;
        TRY(take_word(cx, given, key, value));
    }
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

static int set_from_words(struct cx *cx, const struct given *given, struct cli_settings *s)
{
    for (size_t i = 0; i < given->settings.n; i++)
        TRY(config_set(cx, table, "the command line", given->settings.items[i].key,
                       given->settings.items[i].value, s));
    return 0;
}

/* Presets, ALAMO_ROOT and alamo.conf: the settings as the cloud was left. */
static int read_kept(struct cx *cx, const char *config_dir, struct cli_settings *s)
{
    struct stat st;

    memset(s, 0, sizeof *s);
    TRY(config_presets(cx, table, s));
    TRY(set_root(cx, s));
    if (config_dir)
        s->config_dir = config_dir;
    const char *path = conf_path(cx, s);
    return stat(path, &st) == 0 ? config_overlay(cx, path, table, s) : 0;
}

/* An empty value means "as it comes" only for settings without a default. */
static int check_filled(struct cx *cx, const struct cli_settings *s)
{
    for (const struct field *f = table; f->name; f++)
        if (f->type == FIELD_STR && f->preset &&
            !*(const char *const *)(const void *)((const char *)s + f->offset))
            return fail(cx, KIND_INVALID, "the setting %s may not be empty; its default is %s", f->name,
                        f->preset);
    return 0;
}

int cli_settings_read(struct cx *cx, int *argc, char **argv, struct cli_settings *ret_settings)
{
    struct given given = { 0 };
    const char *config_dir = getenv("ALAMO_CONFIG_DIR");

    TRY(take_words(cx, argc, argv, &given));
    for (size_t i = 0; i < given.settings.n; i++)
        if (strcmp(given.settings.items[i].key, "config_dir") == 0)
            config_dir = given.settings.items[i].value;
    TRY(read_kept(cx, config_dir, ret_settings));
    if (given.answers)
        TRY(answers_read(cx, given.answers, table, ret_settings));
    TRY(set_from_environment(cx, ret_settings));
    TRY(set_from_words(cx, &given, ret_settings));
    return check_filled(cx, ret_settings);
}

int cli_settings_complete(struct cx *cx, struct cli_settings *s)
{
    if (!s->public_nic && !s->public_address)
        TRY(host_default_nic(cx, &s->public_nic));
    if (!s->public_address)
        TRY(host_address(cx, s->public_nic, &s->public_address));
    if (!s->https_address)
        s->https_address = s->public_address;
    if (!s->host_name)
        s->host_name = host_name(cx);
    return 0;
}

/* ---- keeping them ---- */

static const char *text_of(struct cx *cx, const struct field *f, const struct cli_settings *s)
{
    const char *member = (const char *)s + f->offset;

    if (f->type == FIELD_INT)
        return cx_printf(cx, "%d", *(const int *)(const void *)member);
    if (f->type == FIELD_BOOL)
        return *(const bool *)(const void *)member ? "true" : "false";
    if (f->type == FIELD_STR) {
        const char *value = *(const char *const *)(const void *)member;
        return value ? value : "";
    }
    const struct strs *strs = (const void *)member;
    struct buf b = buf_new(cx->arena);
    for (size_t i = 0; i < strs->n; i++)
        buf_printf(&b, "%s%s", i ? " " : "", strs->items[i]);
    return buf_text(&b);
}

/* 'line' (up to 'n' bytes) sets 'key'. */
static bool line_sets(const char *line, size_t n, const char *key)
{
    size_t k = strlen(key);

    while (n && (*line == ' ' || *line == '\t'))
        line++, n--;
    if (n <= k || strncmp(line, key, k) != 0)
        return false;
    line += k;
    return *(line + strspn(line, " \t")) == '=';
}

/* 'text' with the line of 'key' replaced, or one more. */
static const char *with_line(struct cx *cx, const char *text, const char *key, const char *value)
{
    struct buf b = buf_new(cx->arena);
    bool done = false;

    while (*text) {
        size_t n = strcspn(text, "\n");
        if (!line_sets(text, n, key))
            buf_put(&b, text, n), buf_putc(&b, '\n');
        else if (!done)
            buf_printf(&b, "%s = %s\n", key, value), done = true;
        text += n + (text[n] == '\n');
    }
    if (!done)
        buf_printf(&b, "%s = %s\n", key, value);
    return buf_text(&b);
}

int cli_settings_save(struct cx *cx, const struct cli_settings *s)
{
    static const char head[] =
        "# Settings of this cloud; `alamo settings` lists all.  After a change: alamo up\n";
    struct cli_settings kept;
    char *old = NULL;
    size_t n;
    const char *path = conf_path(cx, s), *text;

    TRY(read_kept(cx, s->config_dir, &kept));
    int r = keyfile_read(path, false, cx->arena, &old, &n);
    if (r < 0 && r != -ENOENT)
        return fail(cx, KIND_INTERNAL, "%s cannot be read: %s", path, strerror(-r));
    text = old ? old : head;
    for (const struct field *f = table; f->name; f++) {
        const char *value = text_of(cx, f, s);
        if (!is_secret(f->name) && strcmp(f->name, "config_dir") != 0 &&
            strcmp(value, text_of(cx, f, &kept)) != 0)
            text = with_line(cx, text, f->name, value);
    }
    if (old && strcmp(old, text) == 0)
        return 0;
    r = keyfile_replace(path, text, strlen(text), 0644);
    return r < 0 ? fail(cx, KIND_INTERNAL, "%s cannot be written: %s", path, strerror(-r)) : 1;
}

void cli_settings_show(struct cx *cx, const struct cli_settings *s)
{
    for (const struct field *f = table; f->name; f++)
        if (!is_secret(f->name))
            printf("%-15s = %-24s # %s\n", f->name, text_of(cx, f, s), f->expected);
        else
            printf("# %-13s   %-24s # %s; only in an answer file or the environment\n", f->name, "",
                   f->expected);
}
