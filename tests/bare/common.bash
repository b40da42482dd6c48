# What the scripts of this folder share. A script sets `name`, which its lines begin with, and sources this from the
# repository's root as root.

keep=0 passed=0 failed=0 pass_on=() repository=$PWD logs=$PWD/build/log/$name

skip_all() { # REASON
  echo "SKIP $name: $1"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
}

need() { # COMMAND ...
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null || skip_all "$command is missing"
  done
}

# Private mounts and processes: whatever happens, they end with the script, which begins again in them.
isolate() { # SCRIPT ARGUMENTS
  ((EUID == 0)) || skip_all "needs root"
  [[ ${SENSO_TURN_BARE_INSIDE:-} != 1 ]] || return 0
  local private=(unshare --mount --pid --fork --kill-child --mount-proc --propagation private)
  "${private[@]}" true 2>/dev/null || skip_all "this machine does not allow mount namespaces"
  SENSO_TURN_BARE_INSIDE=1 exec "${private[@]}" "$@"
}

# A folder that goes when the script ends, unless it is told to keep it, after `before_removal`.
make_directory() {
  directory=$(mktemp -d "${TMPDIR:-/tmp}/senso-turn-$name.XXXXXX")
  root=$directory/root
  mkdir -p "$logs"
  trap remove_directory EXIT
  trap 'exit 143' TERM INT HUP
}
before_removal() { umount -R "$root" 2>/dev/null || true; }
remove_directory() {
  before_removal
  # Never across a mount that would not go away.
  ((keep)) || rm -rf --one-file-system "$directory"
}

report() { # NAME STATUS [REASON]
  if (($2 == 0)); then passed=$((passed + 1)); echo "PASS $name: $1"
  else failed=$((failed + 1)); echo "FAIL $name: $1: ${3:-see $logs}"; fi
}

expect() { # NAME COMMAND ...
  local what=$1 status=0
  shift
  "$@" >"$logs/last.log" 2>&1 || status=$?
  report "$what" $status "$(tail -n 1 "$logs/last.log")"
}

fails() { ! "$@"; }

eventually() { # COMMAND ...
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  "$@"
}

finish() {
  echo "$passed passed, $failed failed, 0 skipped"
  exit $((failed > 0))
}

# Makes a minimal Debian at $root. The mirror is that of this machine, and so is how it gets there; nothing of it is kept.
bootstrap_root() { # [PACKAGE,...]
  local variable mirror status=0 began=$SECONDS
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || pass_on+=("$variable=${!variable}")
  done
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | sort -u | head -n 1)
  debootstrap --variant=minbase ${1:+--include="$1"} bookworm "$root" "${mirror:-http://deb.debian.org/debian}" \
    >"$logs/debootstrap.log" 2>&1 || status=$?
  report "debootstrap makes a minimal root ($((SECONDS - began)) s)" $status "see $logs/debootstrap.log"
  ((status == 0)) || finish
}

# The same, with /proc and /dev.
make_root() { # [PACKAGE,...]
  local device
  bootstrap_root "$@"
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/shm"
  ln -s /proc/self/fd "$root/dev/fd"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
}

inside() { # COMMAND ...: in the root
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "${pass_on[@]}" "$@"
}

# Makes the Debian package of what was built, and names it.
make_package() { # BUILD
  local status=0
  (cd "$1" && cpack --config CPackConfig.cmake -B "$directory/deb") >"$logs/cpack.log" 2>&1 || status=$?
  package=$(find "$directory/deb" -maxdepth 1 -name 'senso-turn_*.deb' 2>/dev/null | head -n 1)
  report "cpack makes the package" $status "see $logs/cpack.log"
  ((status == 0)) || finish
}
