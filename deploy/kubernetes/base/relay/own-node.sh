#!/bin/sh
# One relay at a time serves on a node, since its ports are those of the node. With maxSurge the next pod comes while
# the one before still serves. The newest owns the node and takes over from whoever serves there, calls included. Where
# that fails, which it does once, it drains him and serves when he is gone. A pod that no longer owns its node waits to
# be deleted, however often its container is started again.
#
#   own-node.sh take                   for an init container
#   own-node.sh serve PROGRAM [ARGUMENT ...]
#   own-node.sh leave                  for preStop
#
# POD_UID is this pod's, DRAIN_DEADLINE how long calls may go on, RUN_DIRECTORY the node's for all of its relays.
set -u
run=${RUN_DIRECTORY:-/run/senso-turn}
owner=$run/owner
socket=$run/admin.sock
giver=$socket.upgrade
tried=$run/tried.$POD_UID

is_owner() { [ "$(cat "$owner" 2>/dev/null || echo "$POD_UID")" = "$POD_UID" ]; }
is_served() { senso-turn status --socket "$socket" >/dev/null 2>&1; }
gives() { [ -S "$giver" ] && [ ! -e "$tried" ] && is_served; }
drain() { senso-turn drain --wait --socket "$socket" --deadline "$DRAIN_DEADLINE"; }

case $1 in
  take)
    # The first process of a container has no default reaction to signals.
    trap 'if is_owner; then rm -f "$owner"; fi; exit 1' TERM
    echo "$POD_UID" >"$owner.$POD_UID" && mv "$owner.$POD_UID" "$owner" || exit 1
    if gives; then exit 0; fi
    # In the background: a signal is heard at once, and not after an hour.
    if is_served; then drain & wait $!; fi
    while is_served; do sleep 1; done
    ;;
  serve)
    shift
    trap 'exit 0' TERM
    while ! is_owner; do sleep 1; done
    if gives; then
      # If it fails this container ends, its log says why, and when it is started again it goes the other way.
      touch "$tried" && exec "$@" --take-over "$giver"
    fi
    if is_served; then drain & wait $!; fi
    while ! is_owner || is_served; do sleep 1; done
    exec "$@"
    ;;
  leave)
    rm -f "$tried"
    is_owner || exit 0
    rm -f "$owner"
    # Waits for the end of the drain. The SIGTERM that comes afterwards, or in between, is the first one: a server that
    # drains by command goes on with it.
    drain
    exit 0
    ;;
  *)
    echo "usage: own-node.sh take | serve PROGRAM [ARGUMENT ...] | leave" >&2
    exit 2
    ;;
esac
