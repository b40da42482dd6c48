#!/bin/sh
# The first process of the emulated machine, run by dash (the shell of busybox prefers its own ip). Every line that
# begins with RESULT is for main.py:
#   RESULT NAME passed | RESULT NAME failed REASON | RESULT NAME skipped REASON
export PATH=/bin
for command in $(/bin/busybox --list); do
  [ -e "/bin/$command" ] || /bin/busybox ln -s busybox "/bin/$command"
done
mkdir -p /proc /sys /dev /tmp /run/netns
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
while read -r module; do insmod "/modules/$module"; done < /modules/order
ip link set lo up
echo "KERNEL $(uname -r)"

# Unit tests: one result for each test, as the program itself tells it.
for program in /bin/*_test; do
  name=${program##*/}
  "$program" --gtest_brief=0 > "/tmp/$name.log" 2>&1
  code=$?
  sed -n -e "s/^\[       OK \] \([^ ,]*\).*/RESULT $name:\1 passed/p" \
    -e "s/^\[  SKIPPED \] \([^ ,]*\).* (.*ms)$/RESULT $name:\1 skipped not on this kernel/p" \
    -e "s/^\[  FAILED  \] \([^ ,]*\).* (.*ms)$/RESULT $name:\1 failed see above/p" "/tmp/$name.log"
  if [ $code -ne 0 ]; then
    grep -B 2 -A 10 Failure "/tmp/$name.log" | head -n 100
    echo "RESULT $name failed exit code $code"
  fi
done

# check NAME CONDITION: one result.
check() {
  if eval "$2"; then echo "RESULT $1 passed"; else echo "RESULT $1 failed ($2)"; fi
}

metric() { ip netns exec server wget -q -O - http://127.0.0.1:9641/metrics | sed -n "s/^senso_turn_$1 //p"; }

# What hangs at the server's interface, as `tc` tells it.
filters() { ip netns exec server tc filter show dev "$1" ingress | grep -c direct-action; }

# The number of the program in it.
program_of() { ip netns exec server tc filter show dev "$1" ingress | sed -n 's/.* id \([0-9]*\) .*/\1/p'; }

# Datagrams for the server's host that no socket was there for: what a filter relays does not get so far.
in_stack() { ip netns exec server cat /proc/net/snmp | sed -n 's/^Udp: [0-9]* \([0-9]*\) .*/\1/p'; }

# wait_for SECONDS CONDITION: until it is true, or the time is over.
wait_for() {
  for _ in $(seq $(($1 * 5))); do
    eval "$2" && return
    sleep 0.2
  done
}

start_server() {
  ip netns exec server senso-turn serve --config /server.yaml > /tmp/server.log 2>&1 &
  server=$!
  for _ in $(seq 100); do
    ip netns exec server wget -q -O /dev/null http://127.0.0.1:9641/metrics && return
    sleep 0.2
  done
  cat /tmp/server.log
}

# Client and peer, each one cable from the server.
for space in client server peer; do
  ip netns add $space
  ip -n $space link set lo up
done
ip link add near netns client type veth peer name to-client netns server
ip link add near netns peer type veth peer name to-peer netns server
ip -n client address add 192.0.2.2/24 dev near
ip -n server address add 192.0.2.1/24 dev to-client
ip -n server address add 198.51.100.1/24 dev to-peer
ip -n peer address add 198.51.100.2/24 dev near
for end in "client near" "server to-client" "server to-peer" "peer near"; do
  set -- $end
  ip -n $1 link set $2 up
done

start_server
check "end-to-end: the program is attached by clsact" '[ "$(metric "kernel_datapath_info{mode=\"clsact\"}")" = 1 ]'
ip netns exec client senso-turn-load --server 192.0.2.1:3478 --user alice --password secret --allocations 8 \
  --peer 198.51.100.2 --peer-netns /run/netns/peer --rate 400 --duration 5 --max-loss 0 > /tmp/load.log 2>&1
code=$?
[ $code -eq 0 ] || cat /tmp/load.log
check "end-to-end: every packet arrives, unaltered" "[ $code -eq 0 ]"
in_kernel='relayed_packets_total{direction="client_to_peer",path="kernel"}'
relayed=$(metric "$in_kernel")
check "end-to-end: most packets were relayed in the kernel" "[ ${relayed:-0} -gt 500 ]"

# Channels that live on while nobody serves them. In the stack, nobody has the port, which the system counts.
ip netns exec client senso-turn-load --server 192.0.2.1:3478 --user alice --password secret --allocations 4 \
  --peer 198.51.100.2 --peer-netns /run/netns/peer --direction up --rate 100 --duration 90 > /tmp/orphan.log 2>&1 &
load=$!
wait_for 60 '[ "$(metric "$in_kernel")" -gt $((relayed + 50)) ]'
kill -9 $server
wait $server 2> /dev/null
check "end-to-end: a filter outlives a killed process" '[ "$(filters to-client)" = 1 ]'
before=$(in_stack)
wait_for 30 '[ "$(in_stack)" -gt $((before + 200)) ]'
check "end-to-end: past its lease, it passes everything into the stack" '[ "$(in_stack)" -gt $((before + 200)) ]'
check "end-to-end: and is still there" '[ "$(filters to-client)" = 1 ]'
kill -9 $load
wait $load 2> /dev/null
before=$(program_of to-client)
start_server
check "end-to-end: the next start takes its place" '[ "$(filters to-client)" = 1 ]'
check "end-to-end: with a program of its own" '[ "$(program_of to-client)" != "$before" ]'
kill -INT $server
wait $server
check "end-to-end: nothing is left after a stop" "[ $? -eq 0 ]"' && [ "$(filters to-client)" = 0 ]'
echo "DONE"
poweroff -f
