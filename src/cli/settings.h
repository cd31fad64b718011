/* settings.h - what an operator can say about a cloud; the table in settings.c is the manual.
 *
 * A setting comes from, the later the stronger: its default; alamo.conf in config_dir; an answer file
 * (--answers FILE); the environment (ALAMO_KEY); the command line (--key value).  `alamo up` keeps in
 * alamo.conf what was given. ALAMO_ROOT=DIR in the environment puts config_dir, data_dir and run_dir below
 * DIR: another, independent cloud. */
#pragma once
#include "base/config.h"

struct cli_settings {
    const char *role;
    const char *public_nic, *public_address; /* NULL: the default route's NIC, and its address */
    const char *bridge, *fixed_range, *floating_range;
    struct strs dmz, dns;
    const char *https_address; /* NULL: public_address */
    int https_port, http_port, agent_port, metadata_port;
    const char *user, *region, *demo_user;
    const char *host_name; /* NULL: the host's */
    const char *config_dir, *data_dir, *run_dir;
    const char *image_dir; /* guest images to preload; NULL: those of this tree or package */
    const char *driver, *kvm;
    bool trust_ca;
    const char *admin_password, *demo_password; /* first passwords; NULL: random ones */
};

/* Reads all sources.  Takes the settings out of '*argc' and 'argv' and leaves the other words.
 * Errors: INVALID (which source, which key, what is allowed), NOT_FOUND (no such answer file). */
int cli_settings_read(struct cx *cx, int *argc, char **argv, struct cli_settings *ret_settings) MUST_CHECK;
/* Makes alamo.conf say what 's' says beyond what alamo.conf, as it is now, and the defaults give; other lines
 * of it stay. Secrets are never written.  Returns 1 when the file was changed. */
int cli_settings_save(struct cx *cx, const struct cli_settings *s) MUST_CHECK;
/* Fills in what this machine decides: public_nic, public_address, https_address, host_name.  Not kept by
 * _save(): it follows the machine.  Errors: NOT_FOUND (no default route, no address). */
int cli_settings_complete(struct cx *cx, struct cli_settings *s) MUST_CHECK;
/* Writes every key with its value now and what it is for to standard output. */
void cli_settings_show(struct cx *cx, const struct cli_settings *s);
