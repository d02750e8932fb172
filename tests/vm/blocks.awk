# SPDX-License-Identifier: GPL-2.0
# Reads nettrace's text timelines (mawk's dialect) and doubts every line of them. Prints, separated by tabs,
#
#   block  TYPE SEQ ID SOURCE DESTINATION OUTCOME SKBS FUNCTIONS    for each block of an ICMP echo
#   other  PACKET FUNCTIONS                                         for each block of another packet
#   bad    LINE REASON TEXT                                         for each violation of the rules below
#   sum    BLOCKS EVENTS INCOMPLETE                                 at the end
#
# The rules: only headers, events, footers and blank lines occur; within a block every line names the same packet;
# time never runs backwards; each span is the time since the event before, and the total that from first to last;
# exactly one outcome; the block says that it is incomplete if and only if its outcome says so.

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

function end_block(echo) {
	if (!inside) return
	inside = 0
	if (!events) bad("a block without events", header)
	if (outcome == "") bad("a block without outcome", header)
	if ((outcome == "incomplete") != said_incomplete) bad("incomplete in one place only", header)
	if (said_incomplete) incomplete++
	if (total != "") {
		span = microseconds(total)
		if (abs(span - (last - first)) > tolerance) bad("total " total ", but first to last is " last - first " us", header)
	}
	echo = packet
	if (packet ~ /^ICMP: [0-9.]+ -> [0-9.]+ ping (request|reply), seq: [0-9]+, id: [0-9]+$/) {
		gsub(/,/, "", echo)
		split(echo, w, " ")
		printf "block\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", w[6], w[8], w[10], w[2], w[4], outcome, skbs, functions
	} else {
		printf "other\t%s\t%s\n", packet, functions
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
		packet = rest
	} else {
		if (rest != packet) bad("another packet in the block of " packet)
		if (t < last) bad("time runs backwards")
		if (span == "") bad("no span")
		else if (abs(microseconds(span) - (t - last)) > tolerance) bad("the span is not the time since the event before")
	}
	last = t
	events++
	all_events++
	functions = functions (functions == "" ? "" : " ") name
}

/^\*+ / {
	end_block()
	if ($0 !~ /^\*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\*\* [0-9a-f,]+ \*\*\*\*\*\*\*\*\*\*\*\*\*\*\*$/) bad("not a header")
	inside = 1
	blocks++
	events = said_incomplete = 0
	header = $0
	packet = functions = outcome = total = ""
	skbs = split($2, address, ",")
	for (i = 1; i <= skbs; i++) if (address[i] !~ /^[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]$/)
		bad("not the low 32 bits of an address: " address[i])
	next
}
/^\[[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] / { event(); next }
/^$/ { end_block(); next }
inside && /^[a-z][a-z ]*: / {
	if (!events) bad("a footer before the events")
	# Whoever greps for a function must not find a footer.
	if ($0 !~ /^dropped: / && $0 ~ /_/) bad("a function name in the footer")
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
