/* SPDX-License-Identifier: GPL-2.0 */
#include "options_table.h"

const char *const option_group_titles[GROUP_COUNT] = {
	[GROUP_FILTER] = "Filters (a packet must match all that are given)",
	[GROUP_MODE] = "Modes",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RUN] = "Run",
	[GROUP_ABOUT] = "About",
};

#define FLAG(field) .flag = offsetof(struct options, field)
#define LATER .take = NULL /* not in this version */

const struct option_row option_rows[] = {
	{'p', "proto", "PROTO", "icmp, icmp6, tcp, udp, arp, ip, ip6 or a number", GROUP_FILTER,
	 .filter = filter_take_proto,
	 .more = "Packets of this protocol: icmp, icmp6 (or icmpv6), tcp, udp, arp, ip (or ipv4), ip6 (or "
		 "ipv6), sctp, gre, esp, ah, igmp, or the number of a protocol over IP, from 0 to 255."},
	{'s', "saddr", "ADDR[/N]", "from this address or network", GROUP_FILTER, .filter = filter_take_saddr,
	 .more = "Packets from this IPv4 or IPv6 address or, with a prefix length, from this network."},
	{'d', "daddr", "ADDR[/N]", "to it", GROUP_FILTER, .joins = true, .filter = filter_take_daddr,
	 .more = "Packets to this address or network."},
	{0, "addr", "ADDR[/N]", "from or to it", GROUP_FILTER, .joins = true, .filter = filter_take_addr,
	 .more = "Packets from or to this address or network, so both directions."},
	{'S', "sport", "N[-M]", "from this TCP or UDP port", GROUP_FILTER, .filter = filter_take_sport,
	 .more = "TCP and UDP packets from this port, or from one of this range."},
	{'D', "dport", "N[-M]", "to it", GROUP_FILTER, .joins = true, .filter = filter_take_dport,
	 .more = "TCP and UDP packets to this port, or to one of this range."},
	{'P', "port", "N[-M]", "from or to it", GROUP_FILTER, .joins = true, .filter = filter_take_port,
	 .more = "TCP and UDP packets from or to this port, or one of this range."},
	{0, "seq", "N", "ping of this number; with -p tcp: segment with it", GROUP_FILTER,
	 .filter = filter_take_seq,
	 .more = "The echo request and reply of this sequence number, as ping prints it. With -p tcp: the "
		 "segments that cover this raw (not relative) sequence number; SYN and FIN count as one "
		 "byte."},
	{0, "id", "N", "ping with this identifier", GROUP_FILTER, .filter = filter_take_id,
	 .more = "Echo requests and replies with this identifier, which is the same for all that one ping "
		 "sends."},
	{'i', "ifname", "IFNAME", "packets seen on this interface", GROUP_FILTER, .take = option_take_ifname,
	 .more = "Packets that pass this network interface anywhere on their way."},
	{0, "netns", "NS", "seen in this network namespace", GROUP_FILTER, .take = option_take_netns,
	 .more = "Packets that pass this network namespace anywhere on their way: its name under "
		 "/run/netns, the number of a process in it, or its inode number; of a recording a name or inode."},
	{0, "netns-current", NULL, "the current one", GROUP_FILTER, .joins = true, FLAG(netns_current),
	 .more = "Packets that pass the network namespace which nettrace runs in."},
	{0, "pid", "PID", "packets of this process", GROUP_FILTER, .take = option_take_pid,
	 .more = "Packets that this process (not one thread of it) sends, and those delivered to its sockets "
		 "once they have sent."},
	{0, "pkt-len", "N[-M]", "of this length from the network header on", GROUP_FILTER,
	 .filter = filter_take_pkt_len,
	 .more = "Packets of so many bytes, or within this range, counted from the network header on."},
	{0, "tcp-flags", "FLAGS", "TCP with at least these flags: SA or syn,ack", GROUP_FILTER,
	 .filter = filter_take_tcp_flags,
	 .more = "TCP segments with at least these flags. Letters are F, S, R, P, A, U, E (ECE) and C "
		 "(CWR); names are fin, syn, rst, psh, ack, urg, ece and cwr, with commas between them."},
	{0, "mark", "N", "packets with this mark, 10 or 0xa", GROUP_FILTER, .filter = filter_take_mark,
	 .more = "Packets with this mark (skb->mark), decimal or hexadecimal, when they are first seen."},
	{0, "min-latency", "TIME", "packets that took at least this long", GROUP_FILTER, .take = option_take_min_latency,
	 .more = "Packets that took at least this long from the first event to the last, and before that if their CPU was "
		 "blocked: a number, perhaps with a fraction, of "
		 "ns, us, ms, s (the default), m or h. What is faster does not leave the kernel, so this is also the way to watch "
		 "a busy host."},

	{0, "basic", NULL, "print each event at once", GROUP_MODE, FLAG(basic),
	 .more = "Print each event as soon as it is read, on a line that begins with the sk_buff's address, "
		 "without gathering a packet's events into one block. --count still counts packets that are "
		 "over; events of others are printed until then."},
	{0, "diag", NULL, "tell what went wrong, and what to do", GROUP_MODE, LATER},
	{0, "drop", NULL, "dropped packets only", GROUP_MODE, LATER},
	{0, "latency", NULL, "how long packets are in each stage", GROUP_MODE, FLAG(latency),
	 .more = "Count how long every packet is in each stage, in the kernel, and print the quantiles at the end, by "
		 "direction, with the slowest packets and what each CPU counted meanwhile; on a terminal every second, too. "
		 "With --read the same of a recording."},
	{0, "sock", NULL, "events of sockets", GROUP_MODE, LATER},
	{0, "rtt", NULL, "round trip times of TCP", GROUP_MODE, LATER},
	{0, "monitor", NULL, "unusual events only", GROUP_MODE, LATER},
	{0, "func-stats", NULL, "count calls of functions", GROUP_MODE, LATER},

	{'o', "output", "FILE", "write there instead of to standard output", GROUP_OUTPUT,
	 .take = option_take_output,
	 .more = "Write to this file, which is created or truncated, instead of to standard output; - is "
		 "standard output."},
	{0, "format", "FORMAT", OPTION_FORMATS, GROUP_OUTPUT, .take = option_take_format,
	 .more = "The format of the output: " OPTION_FORMATS ". Without it the ending of the file's name tells, and "
		 "else it is text."},
	{'w', "write", "FILE", "save a recording", GROUP_OUTPUT, .take = option_take_write,
	 .more = "Save a recording of the trace in this file, which --read tells again later and elsewhere; - is standard "
		 "output. Nothing is printed then unless --output or --format asks for it."},
	{'r', "read", "FILE", "tell one instead of tracing", GROUP_OUTPUT, .joins = true, .repeats = true,
	 .take = option_take_read,
	 .more = "Tell what this recording holds instead of tracing; - is standard input. Up to 64 files may be given, for "
		 "the parts of a recording that was rotated, in any order, or for several."},
	{0, "rotate", "LIMIT", "next file after: 100M, 1h", GROUP_OUTPUT, .take = option_take_rotate,
	 .more = "Begin another file when the recording is as large (from 64K to 1T) or as old (from 1s up): what was FILE "
		 "becomes FILE.1, that becomes FILE.2, and so on. Each can be read by itself."},
	{0, "keep", "N", "keep so many", GROUP_OUTPUT, .joins = true, .take = option_take_keep,
	 .more = "Keep so many files of a rotated recording, from 2 up, and delete the oldest beyond."},
	{0, "pcap-at", "STAGE", "pcapng: packets as they are at this stage", GROUP_OUTPUT, .take = option_take_pcap_at,
	 .more = "With --format pcapng: each packet once, as it is at this stage (link-in, ip-out, ...), rather than whenever "
		 "its headers were captured."},
	{0, "detail", NULL, "CPU, process, interface of each event", GROUP_OUTPUT, FLAG(detail),
	 .more = "Print the CPU, context and interface of each event, its process in task context, and the "
		 "network namespace's name and inode where it changes."},
	{0, "date", NULL, "date", GROUP_OUTPUT, .joins = true, FLAG(date),
	 .more = "Print the date and time of day of each event, local time as it was set at the start."},
	{0, "stack", NULL, "stack", GROUP_OUTPUT, .joins = true, FLAG(stack),
	 .more = "Print the kernel stack of each event."},
	{0, "no-color", NULL, "plain text, also on a terminal", GROUP_OUTPUT, FLAG(no_color),
	 .more = "Plain text, also on a terminal. So does a NO_COLOR that is not empty in the environment."},

	{'c', "count", "N", "stop after this many packets", GROUP_RUN, .take = option_take_count,
	 .more = "Print so many journeys, then exit."},
	{0, "duration", "TIME", "stop after this time: 10s, 1.5m, 500ms", GROUP_RUN, .take = option_take_duration,
	 .more = "Stop after this time: a number, perhaps with a fraction, of ns, us, ms, s (the default), "
		 "m or h."},
	{0, "backend", "BACKEND", "auto, kprobe-multi, fentry, kprobe or tracepoint", GROUP_RUN,
	 .take = option_take_backend,
	 .more = "How to attach: kprobe-multi, fentry, kprobe or tracepoint. By default (auto) by the "
		 "first that this kernel allows. A backend that it does not allow is an error."},
	{0, "probe", "NAME,...", "trace these functions too", GROUP_RUN, .take = option_take_probe,
	 .more = "Trace these kernel functions too, up to 256. Each must take a packet (struct sk_buff *)."},
	{0, "exclude", "NAME,...", "do not trace these", GROUP_RUN, .joins = true, .take = option_take_exclude,
	 .more = "Do not trace these functions, up to 256."},
	{0, "buffer", "SIZE", "memory for events, 256K to 1G", GROUP_RUN, .take = option_take_buffer,
	 .more = "Memory for events on their way from the kernel, over all CPUs: from 256K to 1G. More of "
		 "it helps when the totals count losses of the ring."},
	{0, "incident-min", "TIME", "a CPU that was blocked for so long is told: 10ms", GROUP_RUN, .take = option_take_incident_min,
	 .more = "A CPU that did not come to traced packets for at least this long (10ms by default) is an "
		 "incident, which is told by itself. Written as for --min-latency, from 1ms up."},
	{0, "no-attribution", NULL, "do not look for causes of delays", GROUP_RUN, FLAG(no_attribution),
	 .more = "Do not watch the CPUs for what delays packets; with --read, do not tell it."},
	{0, "verbose", NULL, "tell more about the run", GROUP_RUN, FLAG(verbose)},

	{0, "check", NULL, "show what this kernel allows", GROUP_ABOUT, FLAG(check),
	 .more = "Show what this kernel allows, which backend is chosen and which stages will be seen, and "
		 "exit."},
	{0, "probes", NULL, "each probe's state", GROUP_ABOUT, .joins = true, FLAG(probes),
	 .more = "List the probes with the state of each on this kernel, and exit."},
	{'V', "version", NULL, "print the version", GROUP_ABOUT, FLAG(version),
	 .more = "Print the version and exit."},
	{'h', "help", NULL, "print this text", GROUP_ABOUT, .joins = true, FLAG(help),
	 .more = "Print a list of the options and exit."},
};

const size_t n_option_rows = ARRAY_SIZE(option_rows);

_Static_assert(ARRAY_SIZE(option_rows) <= OPTION_ROWS_MAX, "the parser has room for all");

bool option_is_available(const struct option_row *row)
{
	return row->filter || row->take || row->flag;
}
