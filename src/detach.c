/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kprobe's perf event is released under event_mutex, with an SRCU and an RCU grace
 * period (tracepoint_synchronize_unregister), and a trampoline is freed behind RCU-tasks': some 40 ms each
 * on an idle machine, seconds for a hundred, and threads cannot share them. A link of kprobe.multi waits likewise
 * under ftrace_lock, once for all its functions. A kernel object goes with
 * its last file descriptor, so a child inherits those of the links, lets the parent close its own,
 * which then costs nothing, and waits in the parent's stead.
 */
#include "detach.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What does not hang on event_mutex is waited for together. */
#define THREADS 32

struct links {
	struct bpf_link **links;
	unsigned int n;
};

/* Each thread takes the link that was attached last of those which are left. */
static void *destroy_links(void *user)
{
	struct links *links = user;
	unsigned int left;

	for (;;) {
		left = __atomic_load_n(&links->n, __ATOMIC_RELAXED);
		do {
			if (!left)
				return NULL;
		} while (!__atomic_compare_exchange_n(&links->n, &left, left - 1, false, __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED));
		bpf_link__destroy(links->links[left - 1]);
	}
}

static void destroy_all(struct links *links)
{
	pthread_t threads[THREADS];
	unsigned int n = 0;

	while (n < THREADS && n < links->n && !pthread_create(&threads[n], NULL, destroy_links, links))
		n++;
	destroy_links(links);
	while (n)
		pthread_join(threads[--n], NULL);
}

/* Is this descriptor of /proc/self/fd a link or a perf event? Both are anonymous inodes. */
static bool is_anonymous(int dir, const char *fd)
{
	static const char anonymous[] = "anon_inode:";
	char target[64];
	ssize_t length = readlinkat(dir, fd, target, sizeof(target));

	return length > (ssize_t)strlen(anonymous) && !strncmp(target, anonymous, strlen(anonymous));
}

/* Whoever started this program may wait for the end of what it writes to, or for a lock that it inherited. */
static void close_others(int keep)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int fd;

	while (dir && (entry = readdir(dir))) {
		fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && fd != keep && fd != dirfd(dir) && !is_anonymous(dirfd(dir), entry->d_name))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

/* The child: not before the parent has let go, or the parent would be the last, and wait. */
static void take_over(struct links *links, const int parent[2])
{
	char end;

	setsid(); /* signals of the terminal are for the parent */
	close(parent[1]);
	close_others(parent[0]);
	while (read(parent[0], &end, 1) > 0)
		;
	destroy_all(links);
	_exit(EXIT_SUCCESS);
}

void detach_links(struct bpf_link **links, unsigned int n, bool slowly)
{
	struct links left = {.links = links, .n = n};
	int parent[2] = {-1, -1};

	if (slowly && n && !pipe2(parent, O_CLOEXEC) && !fork())
		take_over(&left, parent);
	destroy_all(&left);
	if (parent[0] < 0)
		return;
	close(parent[0]);
	close(parent[1]);
}
