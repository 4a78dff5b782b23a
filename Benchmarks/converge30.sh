#!/bin/sh
# Applies the thirty tasks of Converge30 to the hosts of $HOSTS_FILE, one address a line, with the key and the
# known hosts of the lab in $LAB. It runs the release build that `make release` left, and builds nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
inventory=$(mktemp "${TMPDIR:-/tmp}/converge30.XXXXXX")
trap 'rm -f "$inventory"' EXIT
{
  echo "all:"
  echo "  vars: {user: root, key: $LAB/id_ed25519, known_hosts: $LAB/known_hosts}"
  echo "  hosts:"
  sed 's/.*/    "&": {}/' "$HOSTS_FILE"
} >"$inventory"
cd "$here/Converge30"
"$here/../.build/release/Converge30" -i "$inventory" "$@"
