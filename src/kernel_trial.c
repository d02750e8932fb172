/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel lets this process do, found by doing it once and undoing it. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"

/* Every kernel with IPv4 has it, not inlined and not in a module: the function that trials attach to. */
#define TRIAL_FUNCTION "ip_rcv"
#define PERF_CLOCK_HZ 100

/* A program that does nothing, of the kind that probes run. A file descriptor or negative errno. */
static int load_trial(enum bpf_prog_type type, enum bpf_attach_type attach_type, u32 btf_id)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type, .attach_btf_id = btf_id);

	return bpf_prog_load(type, "nt_trial", "GPL", insns, 2, &opts);
}

/* 0 for a descriptor, which is closed; a negative errno stays. */
static int close_trial(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* kprobe.multi loads on 6.1 and fails at attach only, where fprobe is not built in. */
static int try_kprobe_multi(void)
{
	int prog = load_trial(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0), err;
	const char *symbols[] = {TRIAL_FUNCTION};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .kprobe_multi.syms = symbols, .kprobe_multi.cnt = 1);

	if (prog < 0)
		return prog;
	err = close_trial(bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &opts));
	close(prog);
	return err;
}

/* On the first CPU, for all processes. */
static int open_perf_event(struct perf_event_attr *attr)
{
	long fd;

	attr->size = sizeof(*attr);
	fd = syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

static int open_kprobe(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	struct perf_event_attr attr = {.kprobe_func = (u64)(unsigned long)TRIAL_FUNCTION};
	unsigned int type = 0;

	if (!file)
		return -EOPNOTSUPP;
	if (fscanf(file, "%u", &type) != 1)
		type = 0;
	fclose(file);
	attr.type = type;
	return type ? open_perf_event(&attr) : -EOPNOTSUPP;
}

static int try_kprobe(void)
{
	int event = open_kprobe(), prog, err;

	if (event < 0)
		return event;
	prog = load_trial(BPF_PROG_TYPE_KPROBE, 0, 0);
	err = prog < 0 ? prog : 0;
	if (!err && ioctl(event, PERF_EVENT_IOC_SET_BPF, prog))
		err = -errno;
	close_trial(prog);
	close(event);
	return err;
}

static int try_fentry(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, TRIAL_FUNCTION, BTF_KIND_FUNC) : -errno, prog, err;

	btf__free(btf);
	if (id < 0)
		return id;
	prog = load_trial(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, (u32)id);
	if (prog < 0)
		return prog;
	/* the way that every kernel knows; links of this kind came later */
	err = close_trial(bpf_raw_tracepoint_open(NULL, prog));
	close(prog);
	return err;
}

static int try_tracepoint(void)
{
	int prog = load_trial(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0), err;

	if (prog < 0)
		return prog;
	err = close_trial(bpf_raw_tracepoint_open("kfree_skb", prog));
	close(prog);
	return err;
}

int kernel_try(enum backend backend)
{
	switch (backend) {
	case BACKEND_KPROBE_MULTI:
		return try_kprobe_multi();
	case BACKEND_KPROBE:
		return try_kprobe();
	case BACKEND_FENTRY:
		return try_fentry();
	case BACKEND_TRACEPOINT:
		return try_tracepoint();
	default:
		return -EOPNOTSUPP;
	}
}

bool kernel_has_cookie(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL) == 1;
}

bool kernel_has_snprintf(void)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_snprintf, NULL) == 1;
}

/* BPF_PROG_TYPE_TRACING, fentry's, is not tried: it may call whatever raw tracepoints may. */
bool kernel_try_direct_reads(u32 function_id, u32 skb_id)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = (s32)skb_id},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = (s32)function_id},
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const enum bpf_prog_type types[] = {BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_RAW_TRACEPOINT};
	size_t i, n = sizeof(insns) / sizeof(*insns);
	int err = 0;

	for (i = 0; !err && i < sizeof(types) / sizeof(*types); i++)
		err = close_trial(bpf_prog_load(types[i], "nt_trial", "GPL", insns, n, NULL));
	return !err;
}

/* Types of the trial below: int main(void *), and int part(int *), which is global. A BTF object, or NULL. */
static struct btf *part_types(struct bpf_func_info *ret_main, struct bpf_func_info *ret_part)
{
	struct btf *btf = btf__new_empty();
	int integer, pointer, prototype;

	if (!btf)
		return NULL;
	integer = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	pointer = btf__add_ptr(btf, integer);
	prototype = btf__add_func_proto(btf, integer);
	btf__add_func_param(btf, "context", btf__add_ptr(btf, 0));
	ret_main->type_id = (u32)btf__add_func(btf, "nt_trial", BTF_FUNC_GLOBAL, prototype);
	prototype = btf__add_func_proto(btf, integer);
	btf__add_func_param(btf, "memory", pointer);
	ret_part->type_id = (u32)btf__add_func(btf, "nt_part", BTF_FUNC_GLOBAL, prototype);
	if (btf__load_into_kernel(btf)) {
		btf__free(btf);
		return NULL;
	}
	return btf;
}

/* A part is called, and then another program, as those of kprobes do: what is interpreted may not have both. */
static int load_parts(const struct btf *types, const struct bpf_func_info functions[2], int programs_fd)
{
	struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -4},
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 7},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_6},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = programs_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_btf_fd = (u32)btf__fd(types), .func_info = functions,
		    .func_info_cnt = 2, .func_info_rec_size = sizeof(*functions));

	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "nt_trial", "GPL", insns, sizeof(insns) / sizeof(*insns), &opts);
}

bool kernel_has_parts(void)
{
	struct bpf_func_info functions[] = {{.insn_off = 0}, {.insn_off = 12}};
	struct btf *types = part_types(&functions[0], &functions[1]);
	int programs_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "nt_trial", sizeof(u32), sizeof(u32), 1, NULL);
	bool has = types && programs_fd >= 0 && !close_trial(load_parts(types, functions, programs_fd));

	close_trial(programs_fd);
	btf__free(types);
	return has;
}

int kernel_try_perf_clock(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = PERF_CLOCK_HZ,
	};

	return close_trial(open_perf_event(&attr));
}
