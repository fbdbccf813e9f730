#!/usr/bin/env bash
# Completes in an interactive zsh on a terminal of its own, whose compadd writes down what it is given.
set -uo pipefail
# shellcheck source=tests/completions/common.sh
. "$(dirname "$0")/common.sh"
need zsh

mkdir "$folder/functions"
"$gorgon" completions zsh > "$folder/functions/_gorgon"
zsh -n "$folder/functions/_gorgon" || exit 1

cat > "$folder/inside.zsh" << 'END'
compadd() {
  local -a matches
  # Calls that only sort words out for the caller propose nothing.
  if [[ ${argv[(i)-[OAD]]} -le $# ]]; then builtin compadd "$@"; return; fi
  builtin compadd -O matches "$@"
  print -l -- $matches >> $folder/proposed
  builtin compadd "$@"
}
finish() { : > $folder/done }
begin() { comppostfuncs=(finish) }
compprefuncs=(begin)
END
cat > "$folder/outside.zsh" << 'END'
folder=$1
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "folder=${(q)folder}; fpath=(\$folder/functions \$fpath); autoload -U compinit; compinit -u -D; . \$folder/inside.zsh"
zpty -w -n shell "$2"$'\t'
repeat 500; do
  [[ -e $folder/done ]] && exit
  sleep 0.02
done
print "no-answer"
END
propose() {
  rm -f "$folder/done" "$folder/proposed"
  TERM=vt100 zsh -f "$folder/outside.zsh" "$folder" "$1"
  sed 's/=$//' "$folder/proposed" 2> /dev/null
}

expect_all
expect "gorgon start --junit sp" "spec" ""
expect "gorgon start sp" "spec" ""
[[ $failures == 0 ]]
