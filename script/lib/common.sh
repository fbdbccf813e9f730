# What the scripts of this folder share: package lists, their installation, and builds. Sourced by bash, never run.
# shellcheck shell=bash disable=SC2034

# Debian 12 package names. build: to compile; run: gorgon itself needs them; test: script/test; check, fuzz: script/check.
build_packages=(
  cmake ninja-build g++ ccache mold
  librabbitmq-dev libboost1.81-dev libcli11-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libssl-dev
  libsodium-dev libsqlite3-dev libexpat1-dev libgtest-dev libgmock-dev
)
run_packages=(rsync openssh-client ruby)
framework_packages=(ruby-rspec ruby-minitest ruby-test-unit python3-pytest)
test_packages=(
  rabbitmq-server openssh-server openssl git bundler python3 python3-networkx python3-numpy python3-toolz
  puppet-module-puppetlabs-haproxy ruby-rspec-puppet ruby-rspec-puppet-facts ruby-puppetlabs-spec-helper
  ruby-parallel-tests iproute2 iptables tmux procps faketime libxml2-utils chromium perl
  zsh fish nodejs ruby-simplecov python3-coverage
)
# Of npm: packages that ship their tests, and what these need beside them.
npm_packages=(find-my-way@9.10.2 rfdc@1.4.1 proxyquire@2.1.3 minimist@1.2.8 tape@4.17.0)
check_packages=(clang-format-19 clang-tidy-19 shellcheck)
fuzz_packages=(clang-19 libclang-rt-19-dev)

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Shows a log on failure: the part that says why is near its end.
show_end_of() { printf -- '--- the end of %s:\n' "$1" >&2; tail -n "${2:-40}" "$1" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -- "$@"; fi
}

missing_packages() {
  local name status
  for name in "$@"; do
    status="$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null || true)"
    [ "$status" = installed ] || printf '%s\n' "$name"
  done
}

# install_packages NAME…: installs those that are missing. When none is, nothing is asked of the network.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not a Debian system: please provide what these Debian packages hold: $*"
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "packages are missing; as root: apt-get install ${missing[*]}"
  fi
  local log
  log="$(mktemp)"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  hold_services
  if ! apt_get update >"$log" 2>&1 ||
    ! apt_get install --yes --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    release_services
    show_end_of "$log"
    die "could not install packages; the whole log is $log"
  fi
  release_services
  keep_out_of_boot "${missing[@]}"
  rm -f "$log"
}

# install_npm_packages NAME@VERSION…: into build/npm, once.
install_npm_packages() {
  local folder="$root/build/npm" log
  [ "$(cat "$folder/installed" 2>/dev/null)" != "$*" ] || return 0
  command -v npm >/dev/null || install_packages npm
  mkdir -p "$folder"
  log="$folder/install.log"
  say "installing ${#} packages of npm: $*"
  if ! npm install --ignore-scripts --no-audit --no-fund --no-save --no-package-lock --prefix "$folder" "$@" \
    >"$log" 2>&1 </dev/null; then
    show_end_of "$log"
    die "could not install packages of npm"
  fi
  printf '%s' "$*" >"$folder/installed"
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get --quiet=2 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Tests start brokers, ssh and rsync servers of their own, on ports of their own. Those that Debian would start because
# their package arrives are none of our business: while we install, they are refused, and the machine's own answer to
# that question, if it has one, stands.
policy=/usr/sbin/policy-rc.d
policy_is_ours=no

hold_services() {
  [ ! -e "$policy" ] || return 0
  as_root tee "$policy" >/dev/null <<'POLICY'
#!/bin/sh
# Put here by Gorgon's scripts for the time of one installation.
case "$1" in
  rabbitmq-server* | epmd* | ssh | ssh.* | rsync* | puppet*) exit 101 ;;
esac
exit 0
POLICY
  as_root chmod 755 "$policy"
  policy_is_ours=yes
  trap release_services EXIT
}

release_services() {
  [ "$policy_is_ours" = yes ] || return 0
  as_root rm -f "$policy"
  policy_is_ours=no
}

# keep_out_of_boot PACKAGE…: what was installed for tests does not start with the machine either.
keep_out_of_boot() {
  local name service
  for name in "$@"; do
    case "$name" in
      rabbitmq-server) service=(rabbitmq-server epmd epmd.socket) ;;
      openssh-server) service=(ssh) ;;
      *) continue ;;
    esac
    # Each knows links that the other does not: those of sysvinit, and those of systemd, which may not be running now.
    as_root update-rc.d "${service[0]}" disable >/dev/null 2>&1 || true
    if command -v systemctl >/dev/null; then
      as_root systemctl disable --quiet "${service[@]}" >/dev/null 2>&1 || true
    fi
  done
}

# build PRESET [TARGET…]: configures once, then compiles what changed. Without a target: everything, tests included.
build() {
  local preset="$1" folder log
  shift
  folder="$root/build/$preset"
  log="$folder/build.log"
  mkdir -p "$folder"
  if ! (cd "$root" && cmake --preset "$preset") >"$log" 2>&1; then
    show_end_of "$log"
    die "cannot configure the $preset build"
  fi
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  say "building ${*:-everything} ($preset, $(nproc) cores); log: build/$preset/build.log"
  if ! NINJA_STATUS='[%f/%t] ' cmake --build "$folder" --parallel "$(nproc)" "${targets[@]}" </dev/null 2>&1 |
    tee -a "$log" | progress; then
    grep -A 30 -m 3 '^FAILED' "$log" >&2 || show_end_of "$log"
    die "the $preset build failed"
  fi
}

# Reads Ninja's lines and shows one for each further tenth, so that a log stays short and nobody thinks it hangs.
progress() {
  local line finished total tenth shown=0
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    finished=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    tenth=$((10 * finished / total))
    [ "$tenth" -gt "$shown" ] || continue
    shown=$tenth
    printf '    %s of %s steps\n' "$finished" "$total"
  done
}
