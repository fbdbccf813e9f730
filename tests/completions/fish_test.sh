#!/usr/bin/env bash
# Sources the script in fish, which says itself what it would propose.
set -uo pipefail
# shellcheck source=tests/completions/common.sh
. "$(dirname "$0")/common.sh"
need fish

"$gorgon" completions fish > "$folder/gorgon.fish"
fish --no-execute "$folder/gorgon.fish" || exit 1
propose() {
  # shellcheck disable=SC2016 # For fish to expand.
  HOME="$folder" fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$folder/gorgon.fish" "$1" | cut -f1
}

expect_all
expect "gorgon start --junit sp" "spec/" ""
expect "gorgon start sp" "spec/" ""
[[ $failures == 0 ]]
