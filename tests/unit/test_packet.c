/* SPDX-License-Identifier: GPL-2.0 */
/* What headers say, and their text. */
#include "packet_kit.h"

static void ping(void **state)
{
	struct nt_snapshot s = ipv4(1, PING);
	struct nt_flow flow = parse(&s);

	(void)state;
	assert_int_equal(flow.l3_proto, 0x0800);
	assert_int_equal(flow.l4_proto, 1);
	assert_int_equal(flow.no_transport, 0);
	assert_int_equal(flow.ip_id, 0x1234);
	assert_int_equal(flow.icmp_type, 0x0800);
	assert_int_equal(flow.echo_id, 392);
	assert_int_equal(flow.echo_seq, 677);
	assert_int_equal(flow.saddr[0] | flow.saddr[1], 0);
	assert_int_equal(flow.saddr[2], htonl(0xffff));
	assert_int_equal(flow.saddr[3], htonl(0xc0a80004));
	assert_int_equal(flow.daddr[3], htonl(0xc0a80005));
	assert_true(nt_flow_is_echo(&flow));
	assert_text(s, "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392");
	assert_text(ipv4(1, REPLY),
		    "ICMP: 192.168.0.4 -> 192.168.0.5 ping reply, seq: 677, id: 392");
	assert_text(ipv4(1, "0800 0000 ffff ffff"),
		    "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 65535, id: 65535");
}

static void other_icmp(void **state)
{
	static const struct {
		const char *hex, *text;
	} kinds[] = {
		{"0303", "destination unreachable (port unreachable)"},
		{"0300", "destination unreachable (net unreachable)"},
		{"030f", "destination unreachable (precedence cutoff)"},
		{"0310", "destination unreachable (code 16)"},
		{"0400", "source quench"},
		{"0401", "source quench (code 1)"},
		{"0501", "redirect (host)"},
		{"0b00", "time exceeded (TTL exceeded)"},
		{"0b02", "time exceeded (code 2)"},
		{"0c00", "parameter problem (pointer)"},
		{"0d00", "timestamp request"},
		{"2a00", "extended echo request"},
		{"2907", "type 41, code 7"},
		{"ffff", "type 255, code 255"},
		{"8000", "type 128, code 0"}, /* an ICMPv6 ping is none here */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char hex[64], text[128] = "ICMP: 192.168.0.4 -> 192.168.0.5 ";
		struct nt_snapshot s;

		strcat(strcpy(hex, kinds[i].hex), "0000 11112222");
		s = ipv4(1, hex);
		assert_text(s, strcat(text, kinds[i].text));
		assert_int_equal(parse(&s).echo_id, 0);
		assert_int_equal(parse(&s).echo_seq, 0);
	}
}

static void ports(void **state)
{
	struct nt_snapshot tcp = ipv4(6, TCP), udp = ipv4(17, PORTS);
	struct nt_flow flow = parse(&tcp);

	(void)state;
	assert_text(tcp, "TCP: 192.168.0.4:443 -> 192.168.0.5:55555 " TCP_TEXT);
	assert_text(udp, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
	assert_int_equal(flow.sport, 443);
	assert_int_equal(flow.dport, 55555);
	assert_int_equal(flow.tcp_seq, 0x00010203);
	assert_int_equal(flow.tcp_ack, 0x04050607);
	assert_int_equal(flow.tcp_flags, 0x12);
	assert_int_equal(flow.icmp_type, 0);
	flow = parse(&udp);
	assert_int_equal(flow.sport, 443);
	assert_int_equal(flow.tcp_seq | flow.tcp_ack | flow.tcp_flags, 0);
}

static void tcp_flags(void **state)
{
	static const struct {
		u8 flags;
		const char *letters;
	} cases[] = {
		{0x00, "none"}, {0x01, "F"},  {0x02, "S"},  {0x04, "R"},   {0x08, "P"},
		{0x10, "A"},	{0x20, "U"},  {0x40, "E"},  {0x80, "C"},   {0x12, "SA"},
		{0x18, "PA"},	{0x11, "FA"}, {0x14, "RA"}, {0xc2, "SEC"}, {0xff, "FSRPAUEC"},
	};
	struct nt_snapshot s = ipv4(6, TCP);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128] = "TCP: 192.168.0.4:443 -> 192.168.0.5:55555 "
				 "seq:66051, ack:67438087, flags:";

		s.bytes[33] = cases[i].flags;
		assert_text(s, strcat(text, cases[i].letters));
	}
	memset(s.bytes + 24, 0xff, 8);
	s.bytes[33] = 0x10;
	assert_text(s, "TCP: 192.168.0.4:443 -> 192.168.0.5:55555 "
		       "seq:4294967295, ack:4294967295, flags:A");
}

/* A segment with payload says how much, behind what users look for. */
static void tcp_payload(void **state)
{
	struct nt_snapshot s = ipv4(6, TCP);

	(void)state;
	s.len_bytes = 40 + 1448;
	assert_text(s, "TCP: 192.168.0.4:443 -> 192.168.0.5:55555 " TCP_TEXT ", len:1448");
	s.len_bytes = 40 + 64240; /* to be segmented */
	s.vlan_tci = 7;
	assert_text(s, "TCP: 192.168.0.4:443 -> 192.168.0.5:55555 " TCP_TEXT ", len:64240 vlan:7");
	s = ipv4(17, PORTS);
	s.len_bytes = 1000;
	assert_text(s, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
}

static void arp(void **state)
{
	static const char text[] = "ARP: who has 192.168.0.5, tell 192.168.0.4";
	struct nt_snapshot s = make(NT_LINK_ETHER, 0x0806, 14,
				    ETHER "0806 0001 0800 0604 0001 020000000001 c0a80004 "
					  "000000000000 c0a80005");
	struct nt_flow flow = parse(&s);

	(void)state;
	assert_int_equal(flow.l3_proto, 0x0806);
	assert_int_equal(flow.l4_proto, 0);
	assert_int_equal(flow.icmp_type, 1);
	assert_int_equal(flow.saddr[0] | flow.saddr[1], 0);
	assert_int_equal(flow.saddr[2], htonl(0xffff));
	assert_int_equal(flow.saddr[3], htonl(0xc0a80004));
	assert_int_equal(flow.daddr[2], htonl(0xffff));
	assert_int_equal(flow.daddr[3], htonl(0xc0a80005));
	assert_text(s, text);
	s.bytes[21] = 2;
	assert_text(s, "ARP: reply, 192.168.0.4 is at 02:00:00:00:00:01 to 192.168.0.5");
	flow = parse(&s);
	assert_memory_equal(flow.sender_mac, "\x02\0\0\0\0\x01", 6);
	assert_memory_equal(flow.target_mac, "\0\0\0\0\0\0", 6);
	s.bytes[15] = 6; /* hardware that is no Ethernet */
	assert_text(s, "ARP: reply, 192.168.0.4 to 192.168.0.5");
	s.bytes[15] = 1;
	memset(s.bytes + 32, 0xfe, 6);
	flow = parse(&s);
	assert_memory_equal(flow.target_mac, "\xfe\xfe\xfe\xfe\xfe\xfe", 6);
	assert_text(make(NT_LINK_NONE, 0x0806, 0,
			 "0001 0800 0604 0002 f9e8d7c6b5a4 c0a80004 020000000002 c0a80005"),
		    "ARP: reply, 192.168.0.4 is at f9:e8:d7:c6:b5:a4 to 192.168.0.5");
	assert_text(make(NT_LINK_NONE, 0x0806, 0,
			 "0020 0800 0804 0002 0102030405060708 c0a80004 0102030405060708 c0a80005"),
		    "ARP: reply, 192.168.0.4 to 192.168.0.5");
	s.bytes[21] = 9;
	assert_text(s, "ARP: operation 9, 192.168.0.4 to 192.168.0.5");
	s.bytes[20] = s.bytes[21] = 0xff;
	assert_text(s, "ARP: operation 65535, 192.168.0.4 to 192.168.0.5");
	/* without a link header, behind a tag, with longer hardware addresses */
	assert_text(make(NT_LINK_NONE, 0x0806, 0,
			 "0001 0800 0604 0001 020000000001 c0a80004 000000000000 c0a80005"),
		    text);
	assert_text(make(NT_LINK_NONE, 0x8100, 0,
			 "4564 0806 0001 0800 0604 0001 020000000001 c0a80004 000000000000 "
			 "c0a80005"),
		    "ARP: who has 192.168.0.5, tell 192.168.0.4 vlan:1380");
	assert_text(make(NT_LINK_NONE, 0x0806, 0,
			 "0020 0800 0804 0001 0102030405060708 c0a80004 0102030405060708 c0a80005"),
		    text);
}

static void arp_cut_or_odd(void **state)
{
	static const char cut[] = "ARP: header cut off";
	struct nt_snapshot s =
		make(NT_LINK_NONE, 0x0806, 0,
		     "0001 0800 0604 0001 020000000001 c0a80004 000000000000 c0a80005");

	(void)state;
	for (u16 size = 0; size < 28; size++) {
		s.captured_bytes = size;
		assert_text(s, cut);
		assert_int_equal(parse(&s).saddr[2] | parse(&s).saddr[3], 0);
	}
	s.captured_bytes = 28;
	s.bytes[4] = 255; /* addresses far beyond what was captured */
	assert_text(s, cut);
	s.bytes[4] = 6;
	s.bytes[5] = 16;
	assert_text(s, cut);
	s.bytes[5] = 4;
	s.bytes[2] = 0x09;
	assert_text(s, cut);
}

static void other_protocols(void **state)
{
	(void)state;
	assert_text(ipv4(47, PORTS), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 47");
	assert_text(ipv4(132, PORTS), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 132");
	assert_text(ipv4(51, PORTS), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 51");
	assert_text(ipv4(0, ""), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 0");
	/* the other family's ICMP */
	assert_text(ipv4(58, PING6), "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 58");
	assert_text(make(NT_LINK_NONE, 0x8035, 0, "0001 0800 06 04 0003"), "ethertype 0x8035");
	assert_text(make(NT_LINK_ETHER, 0x88cc, 14, ETHER "88cc 0207"), "ethertype 0x88cc");
	assert_text(make(NT_LINK_NONE, 0, 0, ""), "no IP header");
	assert_text(make(NT_LINK_NONE, 0, 0, "00000000"), "no IP header");
}

static u32 payload(struct nt_snapshot s, u32 len_bytes, u32 expected_len)
{
	struct nt_flow flow;

	s.len_bytes = len_bytes;
	flow = parse(&s);
	assert_int_equal(flow.len_bytes, expected_len);
	return flow.payload_bytes;
}

static void lengths_from_a_frame(void **state)
{
	/* 84 bytes by the IP header */
	struct nt_snapshot s = make(NT_LINK_ETHER, 0x0800, 14, ETHER "0800" IPV4 TCP);

	(void)state;
	s.bytes[23] = 6;
	assert_int_equal(payload(s, 84, 84), 44);
	assert_int_equal(payload(s, 90, 84), 44); /* padding */
	assert_int_equal(payload(s, 60, 60), 20); /* cut, or IP's length is garbage */
	s.bytes[46] = 0xf0;			  /* 60 bytes of TCP header */
	assert_int_equal(payload(s, 84, 84), 4);
	assert_int_equal(payload(s, 70, 70), 0);
	assert_int_equal(payload(s, 0, 0), 0);
	s.bytes[46] = 0x50;
	s.bytes[16] = s.bytes[17] = 0; /* segmented later: no length, or one outgrown */
	assert_int_equal(payload(s, 65000, 65000), 64960);
	assert_int_equal(payload(s, 200000, 200000), 199960);
	s.bytes[17] = 19; /* less than its header */
	assert_int_equal(payload(s, 100, 100), 60);
	s.bytes[17] = 84;
	s.bytes[23] = 17;
	assert_int_equal(payload(s, 84, 84), 56);
	s.bytes[20] = 0x20; /* the first fragment's part */
	assert_int_equal(payload(s, 84, 84), 56);
	s.bytes[21] = 1;
	assert_int_equal(payload(s, 84, 84), 0);
	s.bytes[21] = s.bytes[20] = 0;
	s.bytes[23] = 1;
	assert_int_equal(payload(s, 84, 84), 0);
}

/* A packet still being made holds garbage as its length, and has no frame yet. */
static void lengths_without_a_frame(void **state)
{
	struct nt_snapshot s = ipv4(6, TCP);

	(void)state;
	assert_int_equal(payload(s, 1500, 1500), 1460);
	s.bytes[2] = 0xff;
	assert_int_equal(payload(s, 1500, 1500), 1460);
	assert_int_equal(payload(s, 0xffffffff, 0xffffffff), 0xffffffff - 40);
	assert_int_equal(payload(make(NT_LINK_NONE, 0, 0, "00"), 77, 77), 0);
}

static void lengths_behind_a_tag(void **state)
{
	struct nt_snapshot s = make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064 0800" IPV4 PORTS);

	(void)state;
	s.bytes[27] = 17;
	assert_int_equal(payload(s, 88, 84), 56); /* the tag is no part of it */
	assert_int_equal(payload(s, 100, 84), 56);
	s.bytes[20] = s.bytes[21] = 0;
	assert_int_equal(payload(s, 104, 100), 72);
	assert_int_equal(payload(s, 3, 0), 0);
}

static void mark_and_tag(void **state)
{
	struct nt_snapshot s = ipv4(17, PORTS);
	struct nt_snapshot tagged =
		make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064 0800" IPV4 PING);

	(void)state;
	assert_int_equal(parse(&s).mark, 0);
	s.mark = 0xfffffffe;
	assert_int_equal(parse(&s).mark, 0xfffffffe);
	s.vlan_tci = 0xefff; /* priority and drop eligibility are no part of the number */
	assert_text(s, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555 vlan:4095");
	s.vlan_tci = 0xe000;
	assert_text(s, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
	tagged.vlan_tci = 7; /* the outer one, taken out by the device */
	assert_int_equal(parse(&tagged).vlan_id, 7);
	tagged.vlan_tci = 0x2000; /* no number: the one in the bytes has */
	assert_int_equal(parse(&tagged).vlan_id, 100);
}

static void fragments(void **state)
{
	struct nt_snapshot s = ipv4(17, PORTS);

	(void)state;
	assert_int_equal(parse(&s).fragment, 0);
	s.bytes[6] = 0x20; /* the first: more follow */
	assert_text(s, "UDP: 192.168.0.4:443 -> 192.168.0.5:55555");
	assert_int_equal(parse(&s).fragment, 1);
	s.bytes[7] = 1; /* a later one */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 17, fragment");
	assert_int_equal(parse(&s).sport, 0);
	assert_int_equal(parse(&s).fragment, 1);
	s.bytes[6] = 0x1f;
	s.bytes[7] = 0xff; /* the last possible */
	assert_int_equal(parse(&s).no_transport, NT_TRANSPORT_LATER_FRAGMENT);
	s.bytes[6] = 0x10;
	s.bytes[7] = 0;
	assert_int_equal(parse(&s).no_transport, NT_TRANSPORT_LATER_FRAGMENT);
	s.bytes[9] = 1; /* its first bytes look like ping's */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 1, fragment");
	s.bytes[9] = 6;
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 6, fragment");
	s.bytes[6] = 0xc0; /* don't fragment, and the reserved bit */
	assert_int_equal(parse(&s).fragment, 0);
}

static void ipv4_options(void **state)
{
	struct nt_snapshot s = ipv4(1, "94040000 00000000" PING);

	(void)state;
	s.bytes[0] = 0x47;
	assert_text(s, "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392");
	s.bytes[0] = 0x4f; /* longer than what was captured */
	assert_text(s, "IPv4: 192.168.0.4 -> 192.168.0.5 protocol 1, header cut off");
	s.bytes[0] = 0x44; /* shorter than an IPv4 header is */
	assert_text(s, "no IP header");
	s.bytes[0] = 0x55;
	assert_text(s, "no IP header");
}

#define PING_TEXT "ICMP: 192.168.0.4 -> 192.168.0.5 ping request, seq: 677, id: 392"

static void ethernet(void **state)
{
	static const char *const tagged = ETHER "8100 0064 0800" IPV4 PING;

	(void)state;
	assert_text(make(NT_LINK_ETHER, 0x0800, 14, ETHER "0800" IPV4 PING), PING_TEXT);
	assert_text(make(NT_LINK_ETHER, 0, 14, ETHER "0800" IPV4 PING), PING_TEXT);
	/* received: the network header "is" the tag, which looks like an IPv4 header or not */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, tagged), PING_TEXT " vlan:100");
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 4564 0800" IPV4 PING),
		    PING_TEXT " vlan:1380");
	assert_text(make(NT_LINK_ETHER, 0x88a8, 14, ETHER "88a8 0064 8100 0065 0800" IPV4 PING),
		    PING_TEXT " vlan:100");
	assert_text(make(NT_LINK_ETHER, 0x88a8, 14, ETHER "88a8 e000 8100 0065 0800" IPV4 PING),
		    PING_TEXT " vlan:101");
	assert_text(make(NT_LINK_NONE, 0x8100, 0, "0064 0800" IPV4 PING), PING_TEXT " vlan:100");
	assert_text(make(NT_LINK_NONE, 0x8100, 0, "4564 0800" IPV4 PING), PING_TEXT " vlan:1380");
	assert_text(make(NT_LINK_NONE, 0x88a8, 0, "0064 8100 0065 0800" IPV4 PING),
		    PING_TEXT " vlan:100");
	/* the tag is in front of the network header */
	assert_text(make(NT_LINK_ETHER, 0x8100, 18, tagged), PING_TEXT " vlan:100");
	assert_text(make(NT_LINK_ETHER, 0x0800, 18, tagged), PING_TEXT " vlan:100");
	assert_text(make(NT_LINK_NONE, 0x8100, 0, IPV4 PING), PING_TEXT);
	/* other packets have tags, too */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064 88cc 0207"),
		    "ethertype 0x88cc vlan:100");
}

static void odd_tags(void **state)
{
	struct nt_snapshot big = make(NT_LINK_NONE, 0x8100, 0, IPV4 PING);

	(void)state;
	/* three tags are one too many */
	assert_text(
		make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064 8100 0065 8100 0066 0800" IPV4),
		"ethertype 0x8100 vlan:100");
	/* a length follows the tag, whose first byte is an IPv4 header's */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 4564 0040" IPV4 PING),
		    "ethertype 0x8100");
	/* cut inside the tag */
	assert_text(make(NT_LINK_ETHER, 0x8100, 14, ETHER "8100 0064"), "ethertype 0x8100");
	/* sent, its tag out of sight: the length of a big packet is no Ethertype */
	for (u32 length = 20; length < 0x10000; length++) {
		big.bytes[2] = (u8)(length >> 8);
		big.bytes[3] = (u8)length;
		assert_text(big, PING_TEXT);
	}
}

static void the_kernels_offset_wins(void **state)
{
	(void)state;
	/* PPPoE, MPLS */
	assert_text(make(NT_LINK_ETHER, 0x0800, 22, ETHER "8864 1100 0001 0054 0021" IPV4 PING),
		    PING_TEXT);
	assert_text(make(NT_LINK_ETHER, 0x8847, 18, ETHER "8847 000641ff" IPV4 PING), PING_TEXT);
	/* an Ethernet header left over from before decapsulation */
	assert_text(make(NT_LINK_ETHER, 0x0800, 14, ETHER "86dd" IPV4 PING), PING_TEXT);
	assert_text(make(NT_LINK_NONE, 0x0800, 4, "60000000" IPV4 PING), PING_TEXT);
	/* a tag's Ethertype that is an inner header's */
	assert_text(make(NT_LINK_ETHER, 0x0800, 14, ETHER "8100" IPV4 PING), PING_TEXT);
	/* not set yet before __ip_local_out */
	assert_text(make(NT_LINK_NONE, 0, 0, IPV4 PING), PING_TEXT);
	/* nothing is there */
	assert_text(make(NT_LINK_NONE, 0x0800, 200, IPV4 PING), "no IP header");
	assert_text(make(NT_LINK_NONE, 0x0800, NT_NO_LAYER, IPV4 PING), "no IP header");
	assert_text(make(NT_LINK_ETHER, 0x0800, 60, ETHER "0800" IPV4 PING), "no IP header");
	/* what a tunnel carries is named until __ip_local_out has run */
	assert_text(make(NT_LINK_NONE, 0x86dd, 0, IPV4 PING), PING_TEXT);
	assert_text(make(NT_LINK_NONE, 0x0806, 0, IPV4 PING), PING_TEXT);
	assert_text(make(NT_LINK_NONE, 0x86dd, 0, "00" IPV4 PING), "no IP header");
}

static struct nt_snapshot ipv6(const char *rest)
{
	char hex[400] = "60000000 0040 ";

	strcat(hex, rest);
	return make(NT_LINK_NONE, 0x86dd, 0, hex);
}

static void ipv6_transport(void **state)
{
	struct nt_snapshot s = ipv6("3a" ADDRESSES6 PING6);
	struct nt_flow flow = parse(&s);

	(void)state;
	assert_int_equal(flow.l3_proto, 0x86dd);
	assert_int_equal(flow.l4_proto, 58);
	assert_int_equal(flow.ip_id, 0);
	assert_int_equal(flow.icmp_type, 0x8000);
	assert_int_equal(flow.saddr[0], htonl(0xfe800000));
	assert_int_equal(flow.daddr[3], htonl(2));
	assert_int_equal(flow.echo_id, 392);
	assert_int_equal(flow.echo_seq, 677);
	assert_true(nt_flow_is_echo(&flow));
	assert_text(s, "ICMPv6: " ENDS6 "ping request, seq: 677, id: 392");
	assert_text(ipv6("3a" ADDRESSES6 "8100 0000 00010002"),
		    "ICMPv6: " ENDS6 "ping reply, seq: 2, id: 1");
	assert_text(ipv6("3a" ADDRESSES6 "8700 0000 00010002"),
		    "ICMPv6: " ENDS6 "neighbour solicitation");
	assert_text(ipv6("3a" ADDRESSES6 "0104 0000 00010002"),
		    "ICMPv6: " ENDS6 "destination unreachable (port unreachable)");
	assert_text(ipv6("3a" ADDRESSES6 "8f00 0000 00010002"), "ICMPv6: " ENDS6 "listener report v2");
	assert_text(ipv6("3a" ADDRESSES6 "9900 0000 00010002"),
		    "ICMPv6: " ENDS6 "multicast router termination");
	assert_text(ipv6("3a" ADDRESSES6 "0403 0000 00010002"),
		    "ICMPv6: " ENDS6 "parameter problem (first fragment without all headers)");
	assert_text(ipv6("3a" ADDRESSES6 "0800 0000 00010002"), "ICMPv6: " ENDS6 "type 8, code 0");
	s = ipv6("3a" ADDRESSES6 "8700 0000 00010002");
	assert_int_equal(parse(&s).echo_id | parse(&s).echo_seq, 0);
	assert_text(ipv6("06" ADDRESSES6 TCP),
		    "TCP: [fe80::1]:443 -> [2001:db8::2]:55555 " TCP_TEXT);
	assert_text(ipv6("11" ADDRESSES6 PORTS), "UDP: [fe80::1]:443 -> [2001:db8::2]:55555");
	assert_text(ipv6("01" ADDRESSES6 PING), "IPv6: " ENDS6 "protocol 1");
	assert_text(ipv6("3b" ADDRESSES6), "IPv6: " ENDS6 "protocol 59");
	assert_text(ipv6("84" ADDRESSES6), "IPv6: " ENDS6 "protocol 132");
}

static void ipv6_extensions(void **state)
{
	static const char text[] = "ICMPv6: " ENDS6 "ping request, seq: 677, id: 392";

	(void)state;
	/* hop-by-hop of 8, routing of 16, destination options of 8, fragment at offset 0 */
	assert_text(ipv6("00" ADDRESSES6 "2b00000000000000 3c01000000000000 0000000000000000 "
			 "2c00000000000000 3a00000100000001" PING6),
		    text);
	/* authentication: its length counts words, less two */
	assert_text(
		ipv6("33" ADDRESSES6 "3a04000000000000 0000000000000000 0000000000000000" PING6),
		text);
	/* a later fragment */
	assert_text(ipv6("2c" ADDRESSES6 "1100000900000001" PORTS),
		    "IPv6: " ENDS6 "protocol 17, fragment");
	assert_text(ipv6("2c" ADDRESSES6 "3a00000900000001" PING6),
		    "IPv6: " ENDS6 "protocol 58, fragment");
	/* longer than captured */
	assert_text(ipv6("00" ADDRESSES6 "3aff000000000000" PING6),
		    "IPv6: " ENDS6 "protocol 58, header cut off");
	assert_text(ipv6("00" ADDRESSES6 "3a0000"), "IPv6: " ENDS6 "protocol 0, header cut off");
}

static void ipv6_fragments(void **state)
{
	struct nt_snapshot first = ipv6("2c" ADDRESSES6 "1100000112345678" PORTS);
	struct nt_snapshot later = ipv6("2c" ADDRESSES6 "1100fff812345678" PORTS);
	struct nt_snapshot none = ipv6("11" ADDRESSES6 PORTS);

	(void)state;
	assert_int_equal(parse(&first).fragment, 1);
	assert_int_equal(parse(&first).ip_id, 0x5678);
	assert_int_equal(parse(&first).sport, 443);
	assert_int_equal(parse(&later).fragment, 1);
	assert_int_equal(parse(&later).ip_id, 0x5678);
	assert_int_equal(parse(&later).sport, 0);
	assert_int_equal(parse(&later).no_transport, NT_TRANSPORT_LATER_FRAGMENT);
	assert_int_equal(parse(&none).fragment, 0);
}

static void ipv6_lengths(void **state)
{
	struct nt_snapshot s =
		make(NT_LINK_ETHER, 0x86dd, 14,
		     ETHER "86dd 60000000 0040 00" ADDRESSES6 "0600000000000000" TCP);

	(void)state;
	/* 64 bytes of payload, 28 of them headers */
	assert_int_equal(payload(s, 104, 104), 36);
	assert_int_equal(payload(s, 110, 104), 36);
	assert_int_equal(payload(s, 100, 100), 32);
	s.bytes[19] = 0; /* a jumbogram */
	assert_int_equal(payload(s, 100068, 100068), 100000);
}

static void ipv6_extensions_are_bounded(void **state)
{
	struct nt_snapshot s = ipv6("00" ADDRESSES6);

	(void)state;
	/* eight headers of eight bytes, the next being ping: accepted */
	for (size_t i = 0; i < 8; i++)
		s.bytes[40 + 8 * i] = i < 7 ? 0 : 58;
	memcpy(s.bytes + 104, "\x80\0\0\0\0\1\0\2", 8);
	s.captured_bytes = 112;
	assert_text(s, "ICMPv6: " ENDS6 "ping request, seq: 2, id: 1");
	s.bytes[40 + 8 * 7] = 0;
	s.bytes[40 + 8 * 8] = 58;
	s.captured_bytes = 128;
	assert_text(s, "IPv6: " ENDS6 "protocol 0, header cut off");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping),
		cmocka_unit_test(other_icmp),
		cmocka_unit_test(ports),
		cmocka_unit_test(tcp_flags),
		cmocka_unit_test(tcp_payload),
		cmocka_unit_test(arp),
		cmocka_unit_test(arp_cut_or_odd),
		cmocka_unit_test(lengths_from_a_frame),
		cmocka_unit_test(lengths_without_a_frame),
		cmocka_unit_test(lengths_behind_a_tag),
		cmocka_unit_test(mark_and_tag),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(fragments),
		cmocka_unit_test(ipv4_options),
		cmocka_unit_test(ethernet),
		cmocka_unit_test(odd_tags),
		cmocka_unit_test(the_kernels_offset_wins),
		cmocka_unit_test(ipv6_transport),
		cmocka_unit_test(ipv6_extensions),
		cmocka_unit_test(ipv6_fragments),
		cmocka_unit_test(ipv6_lengths),
		cmocka_unit_test(ipv6_extensions_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
