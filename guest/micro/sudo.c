/*
 * sudo for the micro guest: run a command as another user (root), without a password, for members of the group
 * "sudo" (27).
 *
 * The guest's login users are ordinary users and not aliases of uid 0, because a test that forgets its "sudo"
 * must fail here as it would on a real system.  One setuid program this small is easier to judge than a setuid
 * busybox with its 200 applets.  Statically linked, so no loader and no LD_* variables are involved.
 *
 * Understands: -n -S -A -k -H -P (nothing to do), -E, -i, -s, -u USER, --, VAR=value.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP_SUDO 27
#define PATH "/usr/sbin:/usr/bin:/sbin:/bin"

struct user {
	char line[256]; /* holds the strings below */
	char *name, *home, *shell;
	uid_t uid;
	gid_t gid;
};

/* Look into /etc/passwd by name, or by uid if name is NULL.  (getpwnam of a static glibc wants its modules.) */
static int find_user(struct user *u, const char *name, uid_t uid)
{
	FILE *f = fopen("/etc/passwd", "re");

	if (!f)
		return -1;
	while (fgets(u->line, sizeof u->line, f)) {
		char *p = u->line, *field[7] = {0};
		p[strcspn(p, "\n")] = 0;
		for (int i = 0; i < 7 && p; i++)
			field[i] = strsep(&p, ":");
		if (!field[6])
			continue;
		u->name = field[0];
		u->uid = (uid_t)strtoul(field[2], NULL, 10);
		u->gid = (gid_t)strtoul(field[3], NULL, 10);
		u->home = field[5];
		u->shell = *field[6] ? field[6] : (char[]){"/bin/sh"};
		if (name ? !strcmp(name, u->name) : uid == u->uid) {
			fclose(f);
			return 0;
		}
	}
	fclose(f);
	return -1;
}

static int allowed(void)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	if (getuid() == 0 || getgid() == GROUP_SUDO)
		return 1;
	for (int i = 0; i < n; i++)
		if (groups[i] == GROUP_SUDO)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct user caller, target;
	const char *name = "root", *term = getenv("TERM");
	int keep = 0, shell = 0, login = 0, c;

	while ((c = getopt(argc, argv, "+nSAkHPEisu:")) != -1)
		switch (c) {
		case 'E': keep = 1; break;
		case 'i': login = 1; break;
		case 's': shell = 1; break;
		case 'u': name = optarg; break;
		case '?': return 1;
		default: break;
		}
	if (geteuid() != 0 || !allowed()) {
		fputs("sudo: you may not run commands as another user\n", stderr);
		return 1;
	}
	if (find_user(&caller, NULL, getuid()))
		caller.name = (char[]){"?"};
	if (find_user(&target, name, 0)) {
		fprintf(stderr, "sudo: unknown user %s\n", name);
		return 1;
	}
	if (!keep) {
		clearenv();
		if (term)
			setenv("TERM", term, 1);
	}
	setenv("PATH", PATH, 1);
	setenv("HOME", target.home, 1);
	setenv("USER", target.name, 1);
	setenv("LOGNAME", target.name, 1);
	setenv("SHELL", target.shell, 1);
	setenv("SUDO_USER", caller.name, 1);
	while (optind < argc && strchr(argv[optind], '=') && argv[optind][0] != '=')
		putenv(argv[optind++]);

	/* Groups first, user last: afterwards there is no way back. */
	gid_t gid = target.gid;
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(target.uid, target.uid, target.uid)) {
		perror("sudo");
		return 1;
	}
	char **cmd = argv + optind;
	char *self[] = {login ? (char[]){"-sh"} : (char[]){"sh"}, NULL};
	if (login && chdir(target.home))
		perror(target.home);
	if (!*cmd) {
		if (!login && !shell) {
			fputs("usage: sudo [-nEis] [-u user] [VAR=value] command...\n", stderr);
			return 1;
		}
		execv(target.shell, self);
		perror(target.shell);
		return 127;
	}
	execvp(*cmd, cmd);
	fprintf(stderr, "sudo: %s: %s\n", *cmd, strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
