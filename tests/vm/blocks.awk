# SPDX-License-Identifier: GPL-2.0
# Reads nettrace's text timelines (mawk's dialect) and doubts every line of them. Prints, separated by tabs,
#
#   block  TYPE SEQ ID SOURCE DESTINATION OUTCOME SKBS FUNCTIONS    for each block of an ICMP echo
#   other  PACKET FUNCTIONS                                         for each block of another packet
#   packet OUTCOME SKBS ADDRESSES START FUNCTIONS FOOTERS TEXT...   for each block: ADDRESSES of SKBS sk_buffs with
#          commas between them; START the first timestamp; FOOTERS the lines behind `total:`, with `;` between them;
#          TEXT the packet, and as it was after each change
#   bad    LINE REASON TEXT                                         for each violation of the rules below
#   sum    BLOCKS EVENTS INCOMPLETE                                 at the end
#
# The rules: only headers, events, footers, delays, incidents and blank lines occur; the packet is one of the forms
# below; within a block every line names the same packet, whose addresses and ports may change only with -v changes=nat,
# and which may be carried in another with -v changes=tunnel; time never runs backwards; each span is the time since the
# event before, and the total that from first to last; a delay is within its bounds; exactly one outcome; the block says
# that it is incomplete if its outcome says so, or that it was evicted, and otherwise only if records before its end were
# lost; a packet without a header is one whose start was not seen.

BEGIN { headless = "no IP header" }

function bad(reason, text) { printf "bad\t%d\t%s\t%s\n", NR, reason, text == "" ? $0 : text }

function abs(x) { return x < 0 ? -x : x }

# "633.3 us" as microseconds; sets tolerance, which is the last digit's worth and that of the timestamps.
function microseconds(text, part, unit, digits, step) {
	split(text, part, " ")
	unit = part[2] == "ns" ? 0.001 : part[2] == "us" ? 1 : part[2] == "ms" ? 1000 : part[2] == "s" ? 1000000 : 0
	if (!unit || part[1] !~ /^[0-9]+(\.[0-9]+)?$/) {
		bad("not a duration: " text)
		return -1
	}
	digits = index(part[1], ".") ? length(part[1]) - index(part[1], ".") : 0
	for (step = unit; digits > 0; digits--) step /= 10
	tolerance = 1 + step + 0.001
	return part[1] * unit
}

# What follows "before the stack: " or "waited in STAGE: ", and what an incident's line says of the time.
function delay(text, part) {
	if (text !~ /s\)?( on cpu [0-9]+)?: [a-z]/) {
		bad("a delay without a cause")
		return
	}
	sub(/( on cpu [0-9]+)?: .*$/, "", text)
	sub(/^≤ /, "", text)
	if (!match(text, / \(.*\)$/)) {
		microseconds(text)
		return
	}
	split(substr(text, RSTART + 2, RLENGTH - 3), part, "–")
	text = microseconds(substr(text, 1, RSTART - 1))
	if (microseconds(part[1]) > text || microseconds(part[2]) < text) bad("a delay beyond its bounds")
}

function is_address(text) { return text ~ /^[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]$/ }

# The forms of a packet.
function is_packet(text) {
	sub(/ vlan:[0-9]+$/, "", text)
	if (text ~ /^TCP: / && text !~ / seq:[0-9]+, ack:[0-9]+, flags:([FSRPAUEC]+|none)(, len:[0-9]+)?$/) return 0
	sub(/ seq:[0-9]+, ack:[0-9]+, flags:[A-Za-z]+(, len:[0-9]+)?$/, "", text)
	if (text ~ /^(TCP|UDP): /)
		return text ~ /^...: [0-9.]+:[0-9]+ -> [0-9.]+:[0-9]+$/ ||
			text ~ /^...: \[[0-9a-f:.]+\]:[0-9]+ -> \[[0-9a-f:.]+\]:[0-9]+$/
	if (text ~ /^ARP: /)
		return text ~ /^ARP: (who has [0-9.]+, tell [0-9.]+|reply, [0-9.]+( is at [0-9a-f:]+)?( to [0-9.]+)?)$/
	if (text ~ /^(ICMP|IPv4): /) return text ~ /^....: [0-9.]+ -> [0-9.]+ [a-zA-Z]/
	if (text ~ /^(ICMPv6|IPv6): /) return text ~ /^[A-Za-z0-9]+: [0-9a-f:.]+ -> [0-9a-f:.]+ [a-z]/
	return 0
}

# What NAT leaves of a packet's text.
function without_ends(text) {
	if (text !~ /^(TCP|UDP|ICMP|ICMPv6|IPv4|IPv6): /) return text
	sub(/ [^ ]+ -> [^ ]+/, "", text)
	return text
}

function changed(text) {
	if (!is_packet(text) || (packet != headless && changes != "tunnel" && (changes != "nat" || without_ends(text) != without_ends(packet))))
		bad("another packet in the block of " packet)
	packet = text
	texts = texts "\t" text
}

function end_block(echo) {
	if (!inside) return
	inside = 0
	if (!events) bad("a block without events", header)
	if (outcome == "") bad("a block without outcome", header)
	# how a packet ended is known, too, if what was lost are earlier records
	if ((outcome == "incomplete" || outcome == "evicted") != said_incomplete &&
		(!said_incomplete || footers !~ /incomplete: .*(start was not seen|records were lost|events are missing)/))
		bad("incomplete in one place only", header)
	if (first_packet == headless && footers !~ /incomplete: the start was not seen/) bad("no header, but the start was seen", header)
	if (said_incomplete) incomplete++
	if (total != "") {
		span = microseconds(total)
		if (abs(span - (last - first)) > tolerance) bad("total " total ", but first to last is " last - first " us", header)
	}
	if (footers ~ /merged into/ && outcome != "merged") bad("merged, but its outcome is " outcome, header)
	printf "packet\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", outcome, skbs, addresses, began, functions, footers, texts
	echo = first_packet
	if (echo ~ /^ICMP(v6)?: [0-9a-f:.]+ -> [0-9a-f:.]+ ping (request|reply), seq: [0-9]+, id: [0-9]+$/) {
		gsub(/,/, "", echo)
		split(echo, w, " ")
		printf "block\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", w[6], w[8], w[10], w[2], w[4], outcome, skbs, functions
	} else {
		printf "other\t%s\t%s\n", first_packet, functions
	}
}

function event(  line, stamp, name, rest, span, t, dot) {
	line = $0
	if (!inside) {
		bad("an event outside of a block")
		return
	}
	if (outcome != "") bad("an event after the footer")
	stamp = substr(line, 2, index(line, "]") - 2)
	line = substr(line, index(line, "]") + 1)
	if (line !~ /^ \[[a-zA-Z_][a-zA-Z0-9_.]* *\] /) {
		bad("no function name")
		return
	}
	name = substr(line, 3, index(line, "]") - 3)
	if (length(name) < 20 || (length(name) > 20 && name ~ / /)) bad("the name is not padded to 20 columns")
	gsub(/ /, "", name)
	rest = substr(line, index(line, "]") + 2)
	# Two numbers: a double of them together would do, but not print in full.
	dot = index(stamp, ".")
	t = substr(stamp, 1, dot - 1) * 1000000 + substr(stamp, dot + 1)
	span = ""
	if (match(rest, / \(\+[0-9.]+ [a-z]+\)$/)) {
		span = substr(rest, RSTART + 3, RLENGTH - 4)
		rest = substr(rest, 1, RSTART - 1)
	} else if (rest ~ /\(\+?-/) {
		bad("a negative span")
	}
	while (match(rest, / \*[^*]*\*$/)) rest = substr(rest, 1, RSTART - 1)
	if (rest ~ /\*/) bad("stray asterisks")
	if (!events) {
		if (span != "") bad("a span before the first event")
		first = t
		began = stamp
		packet = first_packet = texts = rest
		if (!is_packet(rest) && rest != headless) bad("not a packet: " rest)
	} else {
		if (rest != packet) changed(rest)
		if (t < last) bad("time runs backwards")
		if (span == "") bad("no span")
		else if (abs(microseconds(span) - (t - last)) > tolerance) bad("the span is not the time since the event before")
	}
	last = t
	events++
	all_events++
	functions = functions (functions == "" ? "" : " ") name
}

/^\*+ incident [0-9]+ \*+$/ { end_block(); incident = 1; next }
incident {
	if (/^$/) incident = 0
	else if (!/^(\[[0-9.]+\] cpu [0-9]+ was blocked for |stack: |packets held: [0-9]+, for )/) bad("not of an incident")
	next
}
/^\*+ / {
	end_block()
	if ($0 !~ /^\*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\* [0-9a-f,]+ \*\*\*\*\*\*\*\*\*\*\*\*\*\*\*$/) bad("not a header")
	inside = 1
	blocks++
	events = said_incomplete = 0
	header = $0
	packet = first_packet = texts = functions = footers = outcome = total = ""
	addresses = $2
	skbs = split(addresses, address, ",")
	for (i = 1; i <= skbs; i++) if (!is_address(address[i]))
		bad("not the low 32 bits of an address: " address[i])
	next
}
/^\[[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] / { event(); next }
/^$/ { end_block(); next }
inside && /^before the stack: / {
	if (events) bad("before the stack, but behind events")
	delay(substr($0, 19))
	next
}
inside && /^waited in [a-zA-Z -]+: / {
	if (outcome == "" || footers != "") bad("a delay that does not follow the total")
	delay(substr($0, index($0, ": ") + 2))
	next
}
inside && /^[a-z][a-z ]*: / {
	if (!events) bad("a footer before the events")
	# Whoever greps for a function must not find a footer.
	if ($0 !~ /^dropped: / && $0 ~ /_/) bad("a function name in the footer")
	if ($0 ~ /^total: / ? outcome != "" : outcome == "") bad("total is not the first footer")
	if ($0 !~ /^(total|dropped|incomplete|merged into|part of|retransmission of): /) bad("an unknown footer")
	if ($0 ~ /^(merged into|part of|retransmission of): / && !is_address($3) && $0 !~ /: a packet not seen$/)
		bad("not the low 32 bits of an address")
	if ($0 ~ /^retransmission of: [0-9a-f]+ / && $0 !~ / sent at \[[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\]$/)
		bad("no time of the first transmission")
	if ($0 !~ /^total: /) footers = footers (footers == "" ? "" : ";") $0
	if ($0 ~ /^incomplete: /) said_incomplete = 1
	if (match($0, /^total: [0-9.]+ [a-z]+/)) total = substr($0, 8, RLENGTH - 7)
	if (match($0, /outcome: [a-z]+$/)) {
		if (outcome != "") bad("two outcomes")
		outcome = substr($0, RSTART + 9)
	}
	next
}
{ bad("neither header, event nor footer") }
END {
	end_block()
	printf "sum\t%d\t%d\t%d\n", blocks, all_events, incomplete
}
