/* SPDX-License-Identifier: GPL-2.0 */
/* A recording of any bytes: read, put together into journeys, and told in every format and mode. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline.h"
#include "recording.h"

struct telling {
	struct dict *dict;
	struct render *render;
	struct pipeline *pipeline;
};

static int on_record(void *user, const struct nt_event *record, size_t size, u32 cpu)
{
	struct telling *telling = user;

	return pipeline_add(telling->pipeline, record, size, cpu);
}

static void tell(const char *path, const struct render_format *format, struct out *out, bool basic)
{
	const struct pipeline_terms terms = {.basic = basic};
	struct telling telling = {.dict = dict_new()};
	const struct recording_sink sink = {.record = on_record, .user = &telling};
	struct render_env env = {.dict = telling.dict, .detail = true, .date = basic};
	struct recording_reader *reader;
	struct trace_totals totals = {0};
	char error[256];

	if (!recording_open(path, NULL, &reader, error, sizeof(error))) {
		telling.render = render_new(format, out, &env, recording_facts(reader));
		telling.pipeline = pipeline_new(&terms, recording_probes(reader), telling.dict, telling.render);
		if (!recording_use_dict(reader, telling.dict))
			while (!recording_read(reader, &sink))
				;
		pipeline_finish(telling.pipeline);
		pipeline_count(telling.pipeline, &totals);
		render_free(telling.render, &totals);
		pipeline_free(telling.pipeline);
		recording_reader_free(reader);
	}
	dict_free(telling.dict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {"text", "jsonl", "pcapng", "perfetto"};
	int fd = memfd_create("fuzz", 0);
	char path[32];
	struct out *out;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || out_open("/dev/null", &out))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct render_format *format = render_format_named(formats[i]);

		if (!format)
			continue;
		tell(path, format, out, false);
		if (format->event)
			tell(path, format, out, true);
	}
	out_close(out);
	close(fd);
	return 0;
}
