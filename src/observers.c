/* SPDX-License-Identifier: GPL-2.0 */
#include "observers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_abi.h"
#include "track_abi.h"

#include "delay.skel.h"

struct observers {
	struct delay_bpf *skel;
};

static int reuse(struct delay_bpf *skel, const struct observers_share *share)
{
	int err = bpf_map__reuse_fd(skel->maps.rings, share->rings_fd);

	if (!err)
		err = bpf_map__reuse_fd(skel->maps.cpus, share->cpus_fd);
	return err ? err : bpf_map__reuse_fd(skel->maps.readers, share->readers_fd);
}

int observers_load(const struct observers_share *share, struct observers **ret_observers)
{
	struct observers *observers = calloc(1, sizeof(*observers));
	int err = 0;

	if (!observers)
		return -ENOMEM;
	observers->skel = delay_bpf__open();
	if (!observers->skel)
		err = -errno;
	if (!err)
		err = reuse(observers->skel, share);
	if (!err) {
		observers->skel->rodata->address_of_per_cpu_offset = share->variables->per_cpu_offset;
		observers->skel->rodata->address_of_irq_regs = share->variables->irq_regs;
		err = delay_bpf__load(observers->skel);
	}
	if (err) {
		observers_free(observers);
		return err;
	}
	memcpy(observers->skel->bss->ksoftirqd, share->ksoftirqd_pid, sizeof(observers->skel->bss->ksoftirqd));
	*ret_observers = observers;
	return 0;
}

int observers_attach(struct observers *observers, observers_link_fn on_link, void *user)
{
	struct bpf_program *program;
	struct bpf_link *link;
	int err = 0;

	bpf_object__for_each_program(program, observers->skel->obj) {
		link = bpf_program__attach(program);
		err = link ? on_link(user, link) : -errno;
		if (err)
			break;
	}
	return err;
}

void observers_free(struct observers *observers)
{
	if (!observers)
		return;
	delay_bpf__destroy(observers->skel);
	free(observers);
}
