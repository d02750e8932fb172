# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034 # used by those who source this
# Helpers of the tests on this machine's own kernel: those of the guests' tests, without their topologies.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NETTRACE=${NETTRACE:-$repo/build/nettrace}
# shellcheck source-path=SCRIPTDIR source=../vm/lib.sh
. "$repo/tests/vm/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../vm/blocks.sh
. "$repo/tests/vm/blocks.sh"
# This machine may have namespaces of the same names.
topology_down() { :; }
