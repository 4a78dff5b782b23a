#!/bin/sh
# How many round trips a no-op run costs above `ssh HOST true`, with 50 ms added each way.
#
#   delay.sh HOST LAB-COMMAND...     where LAB-COMMAND prints the port of a relay to HOST and runs until ended
#
# It wants the key, the known hosts and a converged HOST of the lab in $LAB, and the release build of
# `make release`. It prints seconds: the median of five runs each, and the difference in round trips of 0.1 s.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
host=$1
shift
work=$(mktemp -d)
"$@" >"$work/port" &
relay=$!
trap 'kill $relay; rm -rf "$work"' EXIT
until [ -s "$work/port" ]; do sleep 0.1; done
port=$(grep -oE '[0-9]+' "$work/port" | tail -1)
grep -F "$host" "$LAB/known_hosts" | sed "s/^[^ ]*/[127.0.0.1]:$port/" >"$work/known_hosts"
cat >"$work/inventory.yaml" <<END
all:
  vars: {user: root, key: $LAB/id_ed25519, known_hosts: $work/known_hosts}
  hosts:
    relay: {address: 127.0.0.1, port: $port}
END
# Prints the median wall time of five runs, after one that doesn't count.
median() {
  "$@" >/dev/null
  for _ in 1 2 3 4 5; do
    start=$(date +%s%N)
    "$@" >/dev/null
    echo $(($(date +%s%N) - start))
  done | sort -n | sed -n 3p
}
cd "$here/Converge30"
ssh=$(median ssh -p "$port" -i "$LAB/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes \
  -o UserKnownHostsFile="$work/known_hosts" root@127.0.0.1 true)
own=$(median "$here/../.build/release/Converge30" -i "$work/inventory.yaml")
awk -v ssh="$ssh" -v own="$own" 'BEGIN {
  printf "ssh true %.2f s   no-op run of 30 tasks %.2f s   difference %+.1f round trips\n", ssh / 1e9, own / 1e9, (own - ssh) / 1e8 }'
