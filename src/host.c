/* SPDX-License-Identifier: GPL-2.0 */
#include "host.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter.h"

#define INITIAL_PID_NS 0xeffffffcu /* PROC_PID_INIT_INO */
#define NAMES_SHOWN 10
#define PATH_BYTES 256

struct message {
	char *text;
	size_t size;
};

/* Explain, and hand err on. What is quoted may hold anything, so control characters go. */
__attribute__((format(printf, 3, 4))) static int say(const struct message *m, int err,
						     const char *format, ...)
{
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(m->text, m->size, format, args);
	va_end(args);
	for (c = m->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return err;
}

/* The inode of a network namespace: 0, -ENOTTY if the file is something else, or negative errno. */
static int netns_of(const char *path, u32 *ret_inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
	struct stat status;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		err = -ENOTTY;
	else if (fstat(fd, &status))
		err = -errno;
	else
		*ret_inode = (u32)status.st_ino;
	close(fd);
	return err;
}

void host_each_netns(void (*each)(void *user, u32 inode, const char *name), void *user)
{
	const char *directory = access("/run/netns", F_OK) ? "/var/run/netns" : "/run/netns";
	DIR *names = opendir(directory);
	struct dirent *entry;
	char path[300];
	u32 inode;

	while (names && (entry = readdir(names))) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (*entry->d_name != '.' && !netns_of(path, &inode))
			each(user, inode, entry->d_name);
	}
	if (names)
		closedir(names);
}

/* Every network namespace that a mount or a process holds, once. */
struct netns_list {
	struct netns {
		u32 inode;
		char path[PATH_BYTES];
	} *items;
	size_t n, room;
};

static int list_add(struct netns_list *list, u32 inode, const char *path)
{
	struct netns *items;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->items[i].inode == inode)
			return 0;
	if (list->n == list->room) {
		items = realloc(list->items, (2 * list->room + 16) * sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = 2 * list->room + 16;
	}
	list->items[list->n].inode = inode;
	snprintf(list->items[list->n++].path, PATH_BYTES, "%s", path);
	return 0;
}

/* Named namespaces, and those of containers, are mounts: "… net:[4026532281] /run/netns/a … nsfs rw". */
static int list_mounts(struct netns_list *list)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, path[PATH_BYTES];
	size_t size = 0;
	int err = 0;
	u32 inode;

	if (!file)
		return -errno;
	while (!err && getline(&line, &size, file) > 0)
		if (sscanf(line, "%*s %*s %*s net:[%u] %255s", &inode, path) == 2)
			err = list_add(list, inode, path);
	free(line);
	fclose(file);
	return err;
}

static int list_processes(struct netns_list *list)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], link[64];
	ssize_t length;
	int err = 0;
	u32 inode;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		length = readlink(path, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = 0;
		if (sscanf(link, "net:[%u]", &inode) == 1)
			err = list_add(list, inode, path);
	}
	closedir(proc);
	return err;
}

static int list_all(struct netns_list *list)
{
	int err = list_mounts(list);

	return err ? err : list_processes(list);
}

static int find_inode(const char *value, u32 inode, const struct message *m)
{
	struct netns_list list = {};
	int err = list_all(&list);
	size_t i = 0;

	while (i < list.n && list.items[i].inode != inode)
		i++;
	if (err)
		say(m, err, "--netns: cannot look for namespaces: %s", strerror(-err));
	else if (i == list.n)
		err = say(m, -EINVAL, "--netns: no network namespace %s; 'lsns -t net' lists their numbers", value);
	free(list.items);
	return err;
}

static int find_process_netns(const char *value, u32 *ret_inode, const struct message *m)
{
	char path[300];
	int err;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", value);
	err = netns_of(path, ret_inode);
	if (err == -ENOENT)
		return say(m, -EINVAL, "--netns: no process %s, nor a network namespace of that name", value);
	return err ? say(m, err, "--netns: process %s: %s", value, strerror(-err)) : 0;
}

/* Names win over numbers, as with `ip`. */
static int find_netns(const char *value, u32 *ret_inode, const struct message *m)
{
	unsigned long long number;
	char path[300];
	int err;

	snprintf(path, sizeof(path), "/run/netns/%s", value);
	err = netns_of(path, ret_inode);
	if (err == -ENOENT) {
		snprintf(path, sizeof(path), "/var/run/netns/%s", value);
		err = netns_of(path, ret_inode);
	}
	if (err == -ENOENT && filter_number(value, 0xffffffffu, &number)) {
		if (number <= OPTIONS_PID_MAX) /* inodes of namespaces are far above */
			return find_process_netns(value, ret_inode, m);
		*ret_inode = (u32)number;
		return find_inode(value, (u32)number, m);
	}
	if (err == -ENOENT)
		return say(m, -EINVAL, "--netns: no network namespace '%s'; 'ip netns' lists those with names", value);
	if (err == -ENOTTY)
		return say(m, -EINVAL, "--netns: %s is not a network namespace, but a file left behind", path);
	return err ? say(m, err, "--netns: %s: %s", path, strerror(-err)) : 0;
}

/* Names of interfaces seen while looking for one, for the message that it is not there. */
struct names_seen {
	char names[NAMES_SHOWN][IFNAMSIZ];
	unsigned int n;
	bool more;
};

static void see_names(struct names_seen *seen)
{
	struct if_nameindex *all = if_nameindex(), *at;
	unsigned int i;

	for (at = all; at && at->if_name; at++) {
		for (i = 0; i < seen->n && strcmp(seen->names[i], at->if_name) != 0; i++)
			;
		if (i < seen->n)
			continue;
		if (i == NAMES_SHOWN)
			seen->more = true;
		else
			snprintf(seen->names[seen->n++], IFNAMSIZ, "%s", at->if_name);
	}
	if (all)
		if_freenameindex(all);
}

/* Go there and look. *hidden: a namespace that we may not enter. */
static bool is_interface_at(const char *path, const char *name, struct names_seen *seen, bool *hidden)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found = false;

	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		*hidden |= errno != ENOENT && errno != ESRCH; /* these: it ended meanwhile */
	} else {
		found = if_nametoindex(name) != 0;
		if (!found)
			see_names(seen);
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/* 1 if it is in one of all namespaces, or may be; 0 if not. */
static int is_interface_anywhere(const char *name, struct names_seen *seen)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), err;
	bool found = false, hidden = false;
	struct netns_list list = {};
	size_t i;

	if (own < 0)
		return -errno;
	err = list_all(&list);
	for (i = 0; !err && !found && i < list.n; i++)
		found = is_interface_at(list.items[i].path, name, seen, &hidden);
	if (setns(own, CLONE_NEWNET) && errno != EPERM) /* who may not return could not leave */
		err = -errno;
	close(own);
	free(list.items);
	return err ? err : found || hidden;
}

/* An interface that cannot be looked for, in somebody else's namespace, is not refused. */
static int check_interface(const char *name, const struct message *m)
{
	struct names_seen seen = {};
	char text[NAMES_SHOWN * (IFNAMSIZ + 2) + 8] = "";
	size_t used = 0;
	unsigned int i;
	int err;

	if (if_nametoindex(name))
		return 0;
	see_names(&seen);
	err = is_interface_anywhere(name, &seen);
	if (err < 0)
		return say(m, err, "-i: cannot look for '%s': %s", name, strerror(-err));
	if (err)
		return 0;
	for (i = 0; i < seen.n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "", seen.names[i]);
	return say(m, -EINVAL, "-i: no interface '%s' in any network namespace; there is %s%s", name, text,
		   seen.more ? ", …" : "");
}

/* A number that /proc/FILE has behind the word at the beginning of a line; -1 if it does not. */
static long long status_number(const char *path, const char *word, int base)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(word);
	long long number = -1;
	char line[256];

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, word, length))
			number = strtoll(line + length, NULL, base);
	if (file)
		fclose(file);
	return number;
}

/* The kernel side knows processes by the host's numbers. */
static int check_pid(unsigned int pid, const struct message *m)
{
	struct stat status;
	long long process;
	char path[64];

	if (!stat("/proc/self/ns/pid", &status) && status.st_ino != INITIAL_PID_NS)
		return say(m, -EOPNOTSUPP, "--pid: this container numbers processes by itself; run nettrace on the host");
	if (kill((pid_t)pid, 0) && errno == ESRCH)
		return say(m, -EINVAL, "--pid: no process %u", pid);
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	process = status_number(path, "Tgid:", 10);
	if (process > 0 && process != pid)
		return say(m, -EINVAL, "--pid: %u is a thread; its process is %lld", pid, process);
	return 0;
}

int host_resolve(const struct options *options, struct scope_terms *ret_terms, char *error, size_t error_size)
{
	struct scope_terms terms = {
		.ifname = options->ifname, .pid = options->pid, .min_latency_ns = options->min_latency_ns};
	struct message m = {error, error_size};
	int err = 0;

	if (options->netns)
		err = find_netns(options->netns, &terms.netns, &m);
	if (options->netns_current) {
		err = netns_of("/proc/self/ns/net", &terms.netns);
		if (err)
			say(&m, err, "--netns-current: %s", strerror(-err));
	}
	if (!err && options->ifname)
		err = check_interface(options->ifname, &m);
	if (!err && options->pid)
		err = check_pid(options->pid, &m);
	if (!err)
		*ret_terms = terms;
	return err;
}

static bool has_capability(unsigned long long effective, unsigned int capability)
{
	return effective >> capability & 1;
}

/* A user namespace of its own maps less than all ids. */
static bool is_in_user_namespace(void)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	unsigned long inside = 0, outside = 0, count = 0xffffffff;

	if (file && fscanf(file, "%lu %lu %lu", &inside, &outside, &count) != 3)
		count = 0;
	if (file)
		fclose(file);
	return inside || outside || count != 0xffffffff;
}

static void explain_privileges(char *text, size_t size)
{
	unsigned long long effective = (unsigned long long)status_number("/proc/self/status", "CapEff:", 16);
	bool admin = has_capability(effective, CAP_SYS_ADMIN);
	bool bpf = admin || has_capability(effective, CAP_BPF);
	bool perfmon = admin || has_capability(effective, CAP_PERFMON);
	struct rlimit locked = {.rlim_cur = RLIM_INFINITY};

	getrlimit(RLIMIT_MEMLOCK, &locked);
	if (is_in_user_namespace())
		snprintf(text, size, "capabilities of a container's user namespace do not count; run it on the host");
	else if (!bpf || !perfmon)
		snprintf(text, size, "missing: %s%s%s, or before Linux 5.8 CAP_SYS_ADMIN; run as root",
			 bpf ? "" : "CAP_BPF", bpf || perfmon ? "" : " and ", perfmon ? "" : "CAP_PERFMON");
	else if (!admin) /* to find the types of modules; newer libbpf does without, and without them */
		snprintf(text, size, "missing: CAP_SYS_ADMIN, which this libbpf needs; run as root");
	else if (locked.rlim_cur != RLIM_INFINITY && !has_capability(effective, CAP_SYS_RESOURCE))
		snprintf(text, size, "where locked memory is limited (before Linux 5.11), try 'ulimit -l unlimited'");
}

/* In that mode helpers that read kernel memory are missing (-EINVAL) and kprobes are refused (-EPERM). */
static bool is_confidential(void)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char modes[128] = "";
	bool is;

	is = file && fgets(modes, sizeof(modes), file) && strstr(modes, "[confidentiality]");
	if (file)
		fclose(file);
	return is;
}

void host_explain_refusal(int err, char *text, size_t size)
{
	*text = 0;
	if (err == -EMFILE)
		snprintf(text, size, "'ulimit -n' is %ld, raise it", sysconf(_SC_OPEN_MAX));
	else if (is_confidential())
		snprintf(text, size, "the kernel is locked down (lockdown=confidentiality), integrity would do");
	else if (err == -EPERM || err == -EACCES)
		explain_privileges(text, size);
}
