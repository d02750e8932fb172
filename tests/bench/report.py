#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: report.py TITLE JSON <SAMPLES

Reads samples as tests/bench/lib.sh prints them, prints their medians as a table, and writes them to the file JSON. Round trips
are shown beside the floor's and the peer's, too: times on a shared machine are noise, ratios of the same run are not.
"""
import json
import statistics
import sys

COLUMNS = [
    # measure, heading, digits
    ("round_trip_us", "round trip us", 1),
    ("events_per_ping", "events/ping", 1),
    ("lost", "lost", 0),
    ("probes", "probes", 0),
    ("refused", "refused", 0),
    ("load_ms", "load ms", 0),
    ("attach_ms", "attach ms", 0),
    ("ready_ms", "ready ms", 0),
    ("first_event_ms", "first event ms", 0),
    ("detach_ms", "end ms", 0),
    ("gone_ms", "gone ms", 0),
    ("peak_kib", "peak KiB", 0),
    ("hit_ns", "ns/hit", 1),
    ("above_empty_ns", "above empty", 1),
    ("observers", "observers", 0),
    ("cpu_percent", "% of a CPU", 3),
    ("events", "events", 0),
    ("seconds", "s", 2),
    ("events_per_second", "events/s", 0),
]


def read_samples(lines):
    """{state: {measure: [value, ...]}}, in the order in which they came."""
    samples = {}
    for line in lines:
        words = line.split()
        if len(words) == 4 and words[0] == "sample":
            samples.setdefault(words[1], {}).setdefault(words[2], []).append(float(words[3]))
    return samples


def medians(samples):
    return {
        state: {measure: statistics.median(values) for measure, values in measures.items()}
        for state, measures in samples.items()
    }


def ratio(table, state, other, measure="round_trip_us"):
    try:
        return table[state][measure] / table[other][measure]
    except (KeyError, ZeroDivisionError):
        return None


def first_of_group(table, state):
    """Of states GROUP/WHICH: the group's first."""
    group = state.split("/")[0] + "/"
    return next(s for s in table if s.startswith(group)) if "/" in state else None


def peer_of(table, state):
    name = "pwru-not-matching" if state == "not-matching" else "pwru-matching"
    return name if name in table and not state.startswith("pwru") and state not in ("untraced", "floor") else None


def print_table(table):
    columns = [c for c in COLUMNS if any(c[0] in measures for measures in table.values())]
    compare = "floor" in table
    grows = any("/" in state for state in table)
    rows = [["state"] + [c[1] for c in columns] + (["/ floor", "/ peer"] if compare else []) + (["/ first"] if grows else [])]
    for state, measures in table.items():
        row = [state]
        row += [f"{measures[m]:.{digits}f}" if m in measures else "" for m, _, digits in columns]
        if compare:
            peer = peer_of(table, state)
            for value in (ratio(table, state, "floor"), peer and ratio(table, state, peer)):
                row.append(f"{value:.2f}" if value else "")
        if grows:
            value = ratio(table, state, first_of_group(table, state))
            row.append(f"{value:.2f}" if value else "")
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip())


def main():
    title, path = sys.argv[1:]
    samples = read_samples(sys.stdin)
    if not samples:
        sys.exit("report.py: no samples")
    table = medians(samples)
    print(title)
    print_table(table)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"title": title, "medians": table, "samples": samples}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
