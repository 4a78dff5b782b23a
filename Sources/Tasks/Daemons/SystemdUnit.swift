import MartletCore

/// A file that systemd reads for a unit: the unit's own, or one that adds to it (systemd.unit(5)).
///
/// A fault harms that unit alone, but often a unit that matters: a drop-in of ssh.service. `systemd-analyze verify`
/// also complains of programs, units and manual pages that aren't there yet, and of keys of a newer systemd, which
/// this one leaves alone: those are no reason to refuse a file.
struct SystemdUnit {
  /// The unit: `shop.service`.
  let name: String
  /// The file, from the folder of units: `shop.service.d/limits.conf`.
  let file: String

  private static let folders: [RemotePath] = [
    "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/lib/systemd/system",
    "/usr/lib/systemd/system",
  ]
  private static let kinds = [
    "service", "socket", "timer", "mount", "automount", "path", "target", "slice", "swap",
  ]

  /// Nil if systemd reads no such file.
  init?(_ path: RemotePath) {
    let isDropIn = path.parent.name.hasSuffix(".d") && path.name.hasSuffix(".conf")
    let folder = isDropIn ? path.parent.parent : path.parent
    let unit = isDropIn ? String(path.parent.name.dropLast(2)) : path.name
    guard Self.folders.contains(folder), unit.contains("."),
      Self.kinds.contains(where: { unit.hasSuffix("." + $0) })
    else { return nil }
    name = unit
    file = isDropIn ? path.parent.name + "/" + path.name : path.name
  }

  /// What systemd says of lines that it can't read, and of units that it doesn't load.
  private static let faults =
    "Failed to parse|Missing '='|Invalid |[Nn]either a valid|not absolute|Assignment outside|Unbalanced|Refusing"
    + "|fatal error|bad unit file setting"

  var check: ShellCommand {
    // An instance of a template has a file name of its own.
    let instance = name.replacing("@.", with: "@martlet.")
    let pattern = name.replacing("\\", with: "\\\\").replacing(".", with: "\\.").replacing(
      "@\\.", with: "@[^.]*\\.")
    return """
      command -v systemd-analyze >/dev/null 2>&1 && [ -d /run/systemd/system ] || exit 0
      new=$1
      room=$(mktemp -d "${MARTLET_TMP:-/var/tmp}/units.XXXXXX") || exit 1
      trap 'rm -rf -- "$room"' EXIT
      file=$room/\(file)
      mkdir -p -- "${file%/*}" && cp -- "$new" "$file" || exit 1
      if [ "$file" != "$room/"\(name) ]; then
      unit=$(systemctl show --property=FragmentPath -- \(instance) | sed -n 's/^FragmentPath=//p')
      [ -n "$unit" ] || exit 0
      cp -- "$unit" "$room/"\(name) || exit 1
      fi
      SYSTEMD_UNIT_PATH=$room: SYSTEMD_LOG_COLOR=0 systemd-analyze verify --man=no "$room/"\(name) >"$room/said" 2>&1
      { grep -F "$file:" "$room/said"; grep -E \("^(Unit )?" + pattern + "(: | has a bad)") "$room/said"; } |
      sed "s|$room/||g" >"$room/own"
      if grep -qE \(Self.faults) "$room/own"; then cat "$room/own"; exit 1; fi
      exit 0
      """
  }
}
