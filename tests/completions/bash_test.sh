#!/usr/bin/env bash
# Sources the script in bash, and calls the function as bash itself does.
set -uo pipefail
# shellcheck source=tests/completions/common.sh
. "$(dirname "$0")/common.sh"

propose() {
  bash -c '
    . <("$1" completions bash)
    read -ra COMP_WORDS <<< "$2"
    [[ $2 == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _gorgon
    printf "%s\n" "${COMPREPLY[@]}"' - "$gorgon" "$1"
}

expect_all
# As bash breaks up --color=al.
expect "gorgon start --color = al" "always" "auto"
registered="$(bash -c '. <("$1" completions bash); complete -p gorgon' - "$gorgon")"
[[ $registered == *"-F _gorgon gorgon" ]] || { echo "not registered: $registered"; failures=1; }
[[ $failures == 0 ]]
