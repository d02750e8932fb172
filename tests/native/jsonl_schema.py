#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: jsonl_schema.py SCHEMA FILE...: is each line of the files JSON as the schema has it?

A line must be UTF-8 without control characters, and no object may have a member twice. Says which lines are wrong.
"""
import json
import sys

import jsonschema


def no_member_twice(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def no_constant(name):
    raise ValueError(name)


def wrong_with(line, validators):
    """What is wrong with a line, or None."""
    try:
        text = line.decode("utf-8")
        if not text.endswith("\n") or any(ord(c) < 32 or 126 < ord(c) < 160 for c in text[:-1]):
            return "control characters, or no end"
        value = json.loads(text, object_pairs_hook=no_member_twice, parse_constant=no_constant)
        validator = validators[value["type"]]
    except (ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return error and f"{error.json_path}: {error.message[:200]}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    # By type, since what is said of an alternative that fails says nothing.
    validators = {}
    for alternative in schema["oneOf"]:
        name = alternative["$ref"].rsplit("/", 1)[1]
        kind = schema["$defs"][name]["properties"]["type"]["const"]
        validators[kind] = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
    lines = wrong = 0
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                lines += 1
                what = wrong_with(line, validators)
                if what:
                    wrong += 1
                    print(f"{path}:{number}: {what}")
    if not lines:
        print("no lines")
    return 1 if wrong or not lines else 0


sys.exit(main())
