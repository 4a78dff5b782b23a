#!/bin/sh
# How long the compiler takes to type-check a play of N tasks (40 unless told) in one body: quadratic in N, as a body
# is one constraint system. The aim is under a second for 40.
#
#     swift build && Benchmarks/typecheck.sh [N]
set -eu
tasks=${1:-40}
root=$(cd "$(dirname "$0")/.." && pwd)
built=${MARTLET_LIBRARY:-$root/.build/debug}
file=$(mktemp -d)/play.swift
trap 'rm -rf "$(dirname "$file")"' EXIT

{
  echo 'import Martlet'
  echo '@main struct Bench: Playbook {'
  echo '  struct Vars: HostVars { var domain = "shop.example"; var workers = 3 }'
  echo '  var plays: Plays {'
  echo '    Play("Everything", on: "all", vars: Vars.self) { host in'
  i=0
  while [ $i -lt "$tasks" ]; do
    # printf, not echo: some shells' echo makes a line break of the \n.
    case $((i % 4)) in
      0) printf '      File("/etc/app%d.conf", content: "domain=\\(host.vars.domain) workers=\\(host.vars.workers)\\n", mode: 0o644)\n' $i ;;
      1) printf '      Directory("/srv/app%d", mode: 0o755).tags("folders")\n' $i ;;
      2) printf '      Command("app --workers \\(host.vars.workers)", unless: "test -e /srv/app%d/done")\n' $i ;;
      3) printf '      if host.vars.workers > %d { File("/srv/x", content: "x").notify(Handler("h", run: "true")) }\n' $i ;;
    esac
    i=$((i + 1))
  done
  echo '    }'
  echo '  }'
  echo '}'
} >"$file"

set --
for map in "$root"/Sources/*/module.modulemap "$root"/.build/checkouts/*/Sources/*/module.modulemap \
  "$root"/.build/checkouts/*/Sources/*/include/module.modulemap; do
  [ -e "$map" ] && set -- "$@" -Xcc "-fmodule-map-file=$map"
done
for run in 1 2 3; do
  start=$(date +%s%N)
  swiftc -typecheck -parse-as-library -swift-version 6 -I "$built/Modules" "$@" "$file"
  echo "$tasks tasks: $((($(date +%s%N) - start) / 1000000)) ms"
done
