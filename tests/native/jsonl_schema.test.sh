#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# usage: tests/native/jsonl_schema.test.sh [FILE]...
#
# JSON lines are what src/jsonl.schema.json says: those in the files, or else those of all kinds that a unit test writes.
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

schema=$repo/src/jsonl.schema.json
lines=$scratch/lines.jsonl

valid() { python3 -W ignore "$repo/tests/native/jsonl_schema.py" "$schema" "$@"; }

# refuses NAME JQ-PROGRAM: a line that the program makes of one of the corpus, or writes itself.
refuses() {
	jq -c "$2" "$lines" 2>/dev/null | head -n 1 >"$scratch/wrong.jsonl"
	if [[ -s $scratch/wrong.jsonl ]] && ! valid "$scratch/wrong.jsonl" >"$scratch/why"; then
		ok "the schema refuses $1"
	else
		not_ok "the schema refuses $1" "$(head -c 300 "$scratch/wrong.jsonl")"
	fi
}

# wants NAME LINE: what is not written yet, but promised.
wants() {
	printf '%s\n' "$2" >"$scratch/promised.jsonl"
	check "the schema takes $1" valid "$scratch/promised.jsonl"
}

if (($#)); then
	for file in "$@"; do
		check "$file is as the schema has it" valid "$file"
		check "jq reads $file" eval "jq -e . '$file' >/dev/null"
	done
	exit
fi

"$repo/build/test_render_jsonl" "$lines" || not_ok 'the unit test writes its lines'
check 'lines of all kinds are as the schema has them' valid "$lines"
check 'jq reads them' eval "jq -e . '$lines' >/dev/null"
check 'there is no object without a closed set of members' \
	eval "jq -e '[.. | objects | select(has(\"properties\") and .additionalProperties != false)] == []' '$schema' >/dev/null"

journey='select(.type == "journey")'
refuses 'another member' "$journey | .color = 1"
refuses 'another member of an event' "$journey | .events[0].color = 1"
refuses 'another annotation' "$journey | .events[0].notes.color = {}"
refuses 'a missing member' "$journey | del(.outcome)"
refuses 'an unknown outcome' "$journey | .outcome = \"lost\""
refuses 'an unknown stage' "$journey | .events[0].stage = \"life\""
refuses 'an unknown context' "$journey | .events[0].context = \"process\""
refuses 'an address that is a number' "$journey | .skb = 1"
refuses 'a time in seconds' "$journey | .start_ns = 1.5"
refuses 'a negative span' "$journey | .total_ns = -1"
refuses 'an unknown cause' "$journey | .delays = [{stage: \"qdisc\", cause: \"weather\", delay_ns: 1, low_ns: 1, high_ns: 1, bound: \"exact\", cpu: 0, incident: null, text: \"rain\"}]"
refuses 'an unknown type' "$journey | .type = \"packet\""
refuses 'a line that is no object' '[1]'
printf '{"type":"start","type":"start"}\n' >"$scratch/wrong.jsonl"
check 'a member twice is refused' eval "! valid '$scratch/wrong.jsonl' >/dev/null"
printf '{"type":"summary\xff"}\n' >"$scratch/wrong.jsonl"
check 'bytes that are not UTF-8 are refused' eval "! valid '$scratch/wrong.jsonl' >/dev/null"

wants 'an incident' '{"type":"incident","id":2,"cause":"irqs_off","cpu":3,"start_ns":1,"end_ns":9,"low_ns":7,"high_ns":8,"packets":8,"delays_ns":[8,7],"bound":"exact","culprit":{"pid":1234,"comm":"kworker/3:1","function":"culprit_irqoff","stack":["culprit_irqoff+0x4b"]},"text":"interrupts off"}'
wants 'delays' "$(jq -c "$journey"' | .before = {delay_ns: 8, low_ns: 7, high_ns: 8, bound: "upper", cause: "irqs_off", cpu: 3, incident: 2, text: "interrupts off"}
	| .delays = [{stage: "qdisc", cause: "qdisc_shaper", delay_ns: 100200000, low_ns: 100200000, high_ns: 100200000, bound: "exact", cpu: null, incident: null, text: "qdisc tbf 1: let it go later"}]' "$lines" | head -n 1)"
