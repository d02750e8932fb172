/* SPDX-License-Identifier: GPL-2.0 */
#include "facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "clock.h"

/* The clocks are read as close together as can be. */
s64 facts_clock_offset(void)
{
	u64 before_ns = now_ns(), real_ns = clock_ns(CLOCK_REALTIME);
	u64 after_ns = now_ns();

	return (s64)(real_ns - (before_ns + (after_ns - before_ns) / 2));
}

static s32 utc_offset(void)
{
	time_t now = time(NULL);
	struct tm local = {0};

	localtime_r(&now, &local);
	return (s32)local.tm_gmtoff;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

#define COPY(array, from) copy(array, sizeof(array), from)

void facts_gather(const struct options *options, const struct scope_terms *terms, struct trace_facts *ret_facts)
{
	struct trace_facts facts = {
		.netns = terms->netns,
		.pid = terms->pid,
		.min_latency_ns = terms->min_latency_ns,
		.count = options->count,
		.start_ns = now_ns(),
		.clock_offset_ns = facts_clock_offset(),
		.utc_offset_s = utc_offset(),
		.n_cpus = (u32)get_nprocs_conf(),
	};
	struct utsname host = {0};

	uname(&host);
	COPY(facts.version, NETTRACE_VERSION);
	COPY(facts.kernel, host.release);
	COPY(facts.host, host.nodename);
	COPY(facts.machine, host.machine);
	COPY(facts.filter, options->filter_text);
	COPY(facts.ifname, terms->ifname);
	if (getrandom(&facts.session, sizeof(facts.session), GRND_NONBLOCK) != sizeof(facts.session))
		facts.session = clock_ns(CLOCK_REALTIME);
	*ret_facts = facts;
}
