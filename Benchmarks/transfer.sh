#!/usr/bin/env bash
# Measures `martlet get` and `martlet put` of one large file beside `scp`, over an sshd of its own on loopback.
#
#   Benchmarks/transfer.sh [MEGABYTES] [ROUNDS]      1000 and 3 unless told; needs `make release` and, for sshd, root
#
# Both take turns, so that what else the machine does falls on both; each figure is the median of the rounds, of the
# whole command with connecting and logging in. The home folder is the script's own, without a .bashrc. scp runs as it
# comes, and with the ciphers that Martlet's libssh2 has.
set -euo pipefail
cd "$(dirname "$0")/.."
megabytes=${1:-1000}
rounds=${2:-3}
martlet=$PWD/.build/release/martlet
# In memory, so that no disk is measured; TMPDIR names another place.
memory=/dev/shm
[ -w $memory ] && [ "$(df --output=avail -m $memory | tail -n 1)" -gt $((2 * megabytes + 1000)) ] || memory=/tmp
work=$(mktemp -d -p "${TMPDIR:-$memory}")
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f id
cp id.pub authorized_keys
port=$((20000 + RANDOM % 20000))
cat >sshd_config <<END
Port $port
ListenAddress 127.0.0.1
PidFile none
HostKey $work/host
AuthorizedKeysFile $work/authorized_keys
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
SetEnv HOME=$work
Subsystem sftp internal-sftp
END
mkdir -p /run/sshd
/usr/sbin/sshd -D -e -f "$work/sshd_config" 2>log &
server=$!
for _ in $(seq 100); do grep -q 'Server listening' log && break; sleep 0.05; done
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 host.pub)" >known_hosts
echo "hosts: {here: {address: 127.0.0.1, port: $port, user: $(id -un), key: $work/id, known_hosts: $work/known_hosts}}" \
  >inventory.yaml
head -c "${megabytes}000000" /dev/urandom >data
mkdir there
cat data >/dev/null

ssh=(-q -P "$port" -i id -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$work/known_hosts")
same=(-c aes128-ctr -o MACs=hmac-sha2-256)
me=$(id -un)@127.0.0.1
put_scp() { scp "${ssh[@]}" data "$me:$work/there/copy"; }
get_scp() { scp "${ssh[@]}" "$me:$work/data" there/copy; }
put_same() { scp "${ssh[@]}" "${same[@]}" data "$me:$work/there/copy"; }
get_same() { scp "${ssh[@]}" "${same[@]}" "$me:$work/data" there/copy; }
put_martlet() { "$martlet" put data "here:$work/there/copy" >out; }
get_martlet() { "$martlet" get "here:$work/data" there/copy >out; }

measure() {
  rm -f there/copy
  local TIMEFORMAT='%R'
  { time "$1" 2>errors; } 2>>"times.$1" || { cat errors; exit 1; }
  cmp -s data there/copy || { echo "$1: the copy differs" >&2; exit 1; }
}
median() { sort -n "times.$1" | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'; }

for _ in $(seq "$rounds"); do
  for direction in put get; do
    for program in scp martlet same; do measure "${direction}_$program"; done
  done
done
printf '%s MB, %s rounds\n%-34s %8s %8s %12s\n' "$megabytes" "$rounds" '' 's' 'MB/s' 'of scp'
for direction in put get; do
  scp=$(median "${direction}_scp")
  for program in scp same martlet; do
    awk -v d="$direction" -v p="$program" -v s="$scp" -v t="$(median "${direction}_$program")" -v m="$megabytes" \
      'BEGIN { n["scp"] = "scp"; n["same"] = "scp, aes128-ctr, hmac-sha2-256"; n["martlet"] = "martlet"
        printf "%-34s %8.2f %8.0f %12.2f\n", d " " n[p], t, m / t, s / t }'
  done
done
