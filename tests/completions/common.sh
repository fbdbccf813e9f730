# What the tests of the three shells share. Sourced by bash; $1 is the built gorgon.
# shellcheck shell=bash disable=SC2034

gorgon="$(realpath "$1")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
failures=0

need() {
  command -v "$1" > /dev/null && return
  echo "skipped: there is no $1"
  exit 77
}

# expect WORDS HAS HAS-NOT: what propose (of the caller) gives for a command line, the last of its words to be completed.
expect() {
  local proposed
  proposed=" $(propose "$1" | tr '\n' ' ') "
  local word
  for word in $2; do
    [[ $proposed == *" $word "* ]] && continue
    echo "\"$1\" should propose $word, and proposes:$proposed"
    failures=$((failures + 1))
  done
  for word in $3; do
    [[ $proposed == *" $word "* ]] || continue
    echo "\"$1\" should not propose $word, and proposes:$proposed"
    failures=$((failures + 1))
  done
}

expect_all() {
  mkdir "$folder/spec" && touch "$folder/spec/a_spec.rb" && cd "$folder" || exit 1
  expect "gorgon li" "list listen" "start local-listener"
  expect "gorgon --ju" "--junit" "--json"
  expect "gorgon start --fail" "--fail-fast" "--json"
  expect "gorgon rerun --" "--junit --jobs --only-failures" "--rerun --stress-count"
  expect "gorgon status --" "--json --wait --cluster" "--junit"
  expect "gorgon start --color " "auto always never" "spec"
  expect "gorgon --message-format j" "json" "human"
  expect "gorgon runs d" "diff" "list"
  expect "gorgon help pi" "ping" "list"
  expect "gorgon completions f" "fish" "bash"
  expect "gorgon --jobs " "" "auto list spec"
}
