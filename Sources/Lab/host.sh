#!/bin/sh
# The part of Martlet's lab that runs inside namespaces. Lab.swift writes this file into the lab
# directory and calls it; it is not meant to be called by hand.
#
#   host.sh probe DIR             can this machine make a host whose disk lies in DIR?
#   host.sh base SUITE MIRROR SECURITY TREE
#                                 the tree that the hosts of a suite share
#   host.sh start                 a host's supervisor, in the background
#   host.sh isolate               in a host's network namespace: its firewall
#   host.sh clean                 the control groups that a killed host left behind
#
# All but the first two read their host from the environment: LAB_DIR (the host's folder), LAB_NAME,
# LAB_BASE, LAB_SYSTEMD (yes or no), LAB_SSHD (openssh or dropbear), LAB_BRIDGE, LAB_VETH, LAB_MAC,
# LAB_ADDRESS (with its prefix length), LAB_GATEWAY, LAB_MTU, LAB_CGROUP, LAB_ISOLATED (yes or no),
# LAB_ALLOW (addresses).
#
# A running host is this chain of processes, each the parent of the next:
#
#   supervise   in the host's network namespace, so that it outlives a reboot
#   unshare     waits for the PID namespace
#   init        PID 1 of the host: systemd, or the SSH server alone
set -u
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

fail() {
  echo "host.sh: $*" >&2
  exit 1
}

# record PROC FILE: writes a process down as "PID STARTTIME", both as the machine sees them. The number
# alone could by the time it is read belong to another process.
record() {
  read -r stat <"$1/stat"
  # The command's name, in parentheses, may hold spaces: count the fields behind it.
  # shellcheck disable=SC2086
  set -- "$2" "${stat%% *}" ${stat##*) }
  # Renamed into place, so that nobody reads half of it.
  echo "$2 ${22}" >"$1.new" && mv "$1.new" "$1"
}

# The control groups of a host that has ended, children first.
clean_cgroup() {
  if [ -d "$LAB_DIR/cgroup/$LAB_CGROUP" ]; then
    find "$LAB_DIR/cgroup/$LAB_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
  fi
}

mount_cgroup() {
  mkdir -p "$LAB_DIR/cgroup"
  mount -t cgroup2 cgroup2 "$LAB_DIR/cgroup" || fail "cannot mount cgroup2, which systemd needs"
}

# A volatile overlay skips every fsync, of which dpkg makes thousands. Kernels before 5.10 refuse
# the option.
mount_disk() {
  # Linux marks a volatile disk as used, and refuses it at the next boot until that is taken away.
  rm -rf "$LAB_DIR/disk/work/work/incompat"
  layers="lowerdir=$LAB_BASE,upperdir=$LAB_DIR/disk/upper,workdir=$LAB_DIR/disk/work"
  mount -t overlay overlay -o "$layers,volatile" "$1" 2>/dev/null ||
    mount -t overlay overlay -o "$layers" "$1"
}

make_devices() {
  mount -t tmpfs -o mode=755,nosuid tmpfs "$1/dev"
  for device in null zero full random urandom tty; do
    : >"$1/dev/$device"
    mount --bind "/dev/$device" "$1/dev/$device"
  done
  mkdir "$1/dev/pts" "$1/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$1/dev/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$1/dev/shm"
  ln -s pts/ptmx "$1/dev/ptmx"
  ln -s /proc/self/fd "$1/dev/fd"
  for stream in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${stream%:*}" "$1/dev/${stream#*:}"
  done
  # What systemd says before its journal runs ends up in console.log.
  : >"$1/dev/console"
  mount --bind "$LAB_DIR/console.log" "$1/dev/console"
}

# /proc and /sys as in a container: the machine's own settings can't be changed from a host, those
# of its network namespace can.
make_kernel_views() {
  mount -t proc -o nosuid,nodev,noexec proc "$1/proc"
  cat /proc/sys/kernel/random/uuid >"$LAB_DIR/boot_id"
  mount --bind "$1/proc/sys" "$1/proc/sys"
  mount --bind "$LAB_DIR/boot_id" "$1/proc/sys/kernel/random/boot_id"
  mount -o remount,bind,ro "$1/proc/sys"
  mount --bind "$1/proc/sys/net" "$1/proc/sys/net"
  mount -o remount,bind,rw "$1/proc/sys/net"
  [ ! -e "$1/proc/sysrq-trigger" ] || mount --bind /dev/null "$1/proc/sysrq-trigger"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$1/sys"
  [ "$LAB_SYSTEMD" = no ] || mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$1/sys/fs/cgroup"
}

# Only LAB_ALLOW may begin TCP connections to the host. What the host itself begins, and what is open, goes on.
isolate() {
  {
    printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]'
    for address in $LAB_ALLOW; do echo "-A INPUT -i eth0 -p tcp -s $address -j ACCEPT"; done
    printf '%s\n' '-A INPUT -i eth0 -p tcp --syn -j DROP' COMMIT
  } | iptables-restore -w 10
}

case ${1:-} in
probe)
  # Everything that a lab needs from the kernel, tried for real: a bridge and NAT in this network
  # namespace, the rest in namespaces that end with us.
  ip link add name "mtprobe$$" type bridge && ip link delete "mtprobe$$" || exit
  iptables -w 10 -t nat -S POSTROUTING >/dev/null || exit
  exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh -c '
    cd "$1" && mkdir lower upper work root || exit
    mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit
    mount -t proc proc "$1/lower" || exit
    mount -t sysfs -o ro sysfs "$1/lower" || exit
    mount -t cgroup2 cgroup2 "$1/lower"' probe "$2"
  ;;

base)
  suite=$2 mirror=$3 security=$4 tree=$5
  # Mount and PID namespaces of its own: what debootstrap mounts or starts ends with it, however it
  # ends.
  [ "${LAB_INSIDE:-}" = yes ] ||
    LAB_INSIDE=yes exec unshare --mount --pid --fork --kill-child sh "$0" "$@"
  mount -t proc proc /proc
  include=openssh-server,ca-certificates,sudo,curl,procps,iproute2,systemd,systemd-sysv,dbus,dropbear-bin
  debootstrap --variant=minbase --include="$include" "$suite" "$tree" "$mirror" || exit
  mount -t proc proc "$tree/proc"

  # What the lab gives each host of its own.
  rm -f "$tree"/etc/ssh/ssh_host_*_key* "$tree/etc/machine-id" "$tree/var/lib/dbus/machine-id"
  rm -f "$tree/etc/apt/sources.list.d"/*
  {
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    echo "deb $security $suite-security main"
  } >"$tree/etc/apt/sources.list"
  cp -L "$LAB_RESOLV_CONF" "$tree/etc/resolv.conf"
  [ -z "${LAB_APT_CONF:-}" ] || printf '%s' "$LAB_APT_CONF" >"$tree/etc/apt/apt.conf.d/80martlet-lab"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt" 2>/dev/null
  # A mirror need not carry the updates; the archive itself is needed.
  if ! chroot "$tree" apt-get -q -o APT::Update::Error-Mode=any update; then
    echo "deb $mirror $suite main" >"$tree/etc/apt/sources.list"
    chroot "$tree" apt-get -q -o APT::Update::Error-Mode=any update || exit
  fi

  # fish depends on Python, which a fresh server doesn't have, and runs without it.
  chroot "$tree" sh -c 'mkdir /tmp/fish && cd /tmp/fish && apt-get -q download fish fish-common libpcre2-32-0 &&
    for package in *.deb; do dpkg-deb -x "$package" / || exit; done; rm -r /tmp/fish' || exit
  rm -rf "$tree"/usr/share/doc/fish* "$tree"/usr/share/man/man1/fish*
  echo /usr/bin/fish >>"$tree/etc/shells"
  chroot "$tree" apt-get clean

  # Each user's password is the name. Lab.swift says what they are for.
  while IFS='|' read -r name number shell rights defaults bashrc; do
    chroot "$tree" useradd -u "$number" -m -s "$shell" "$name" || exit
    echo "$name:$name" | chroot "$tree" chpasswd || exit
    if [ -n "$rights" ]; then
      echo "$name ALL=(ALL) $rights" >"$tree/etc/sudoers.d/$name"
      [ -z "$defaults" ] || echo "Defaults:$name $defaults" >>"$tree/etc/sudoers.d/$name"
      chmod 440 "$tree/etc/sudoers.d/$name"
    fi
    [ -z "$bashrc" ] || sed -i "1i $bashrc" "$tree/home/$name/.bashrc"
  done <<'END'
deploy|1000|/bin/bash|NOPASSWD:ALL||
asker|1001|/bin/bash|ALL||
needstty|1002|/bin/bash|NOPASSWD:ALL|requiretty|
guest|1003|/bin/bash|||
fish|1004|/usr/bin/fish|NOPASSWD:ALL||
noisy|1005|/bin/bash|NOPASSWD:ALL||echo "Welcome, you have mail"; echo "fact 0" >&2
exits|1006|/bin/bash|NOPASSWD:ALL||[ -n "$PS1" ] || exit
END
  # Room for a test that opens hundreds of sessions at once.
  printf '%s\n' 'MaxStartups 300' 'MaxSessions 100' 'UseDNS no' >"$tree/etc/ssh/sshd_config.d/lab.conf"
  mkdir -p "$tree/etc/systemd/journald.conf.d"
  printf '%s\n' '[Journal]' 'Storage=volatile' 'RuntimeMaxUse=16M' \
    >"$tree/etc/systemd/journald.conf.d/lab.conf"
  # In sshd's place where a host is to have dropbear, with the same host keys.
  cat >"$tree/usr/local/sbin/lab-dropbear" <<'END'
#!/bin/sh
mkdir -p /etc/dropbear
for kind in rsa ecdsa ed25519; do
  dropbearconvert openssh dropbear "/etc/ssh/ssh_host_${kind}_key" "/etc/dropbear/dropbear_${kind}_host_key" || exit
done
exec dropbear -F -E -W 65536
END
  chmod 755 "$tree/usr/local/sbin/lab-dropbear"
  printf '%s\n' '[Unit]' 'After=network.target' '[Service]' 'ExecStart=/usr/local/sbin/lab-dropbear' \
    'KillMode=process' 'Restart=on-failure' >"$tree/etc/systemd/system/dropbear.service"
  # No terminal to log in at, no devices to settle, and no package run that nobody asked for.
  for unit in console-getty.service getty@.service systemd-udevd.service \
    systemd-udev-trigger.service systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
  done
  umount "$tree/proc"
  ;;

start)
  setsid sh "$0" supervise >"$LAB_DIR/console.log" 2>&1 </dev/null &
  record "/proc/$!" "$LAB_DIR/supervisor"
  ;;

supervise)
  # Descriptor 9 is the way back into the machine's network, for the outer end of the cable.
  exec 9</proc/self/ns/net
  exec unshare --net --mount sh "$0" supervise-inside
  ;;

supervise-inside)
  # The same hardware address at every start. With another one, the machine would go on sending to the old one for
  # as long as it remembers it: half a minute of silence after a reset.
  nsenter --net=/proc/self/fd/9 sh -c '
    ip link delete "$LAB_VETH" 2>/dev/null
    ip link add "$LAB_VETH" mtu "$LAB_MTU" type veth peer name eth0 address "$LAB_MAC" mtu "$LAB_MTU" netns "$1" &&
      ip link set "$LAB_VETH" master "$LAB_BRIDGE" up' cable $$ || fail "cannot connect $LAB_NAME"
  exec 9<&-
  ip -batch - <<END || fail "cannot configure the network of $LAB_NAME"
address add $LAB_ADDRESS dev eth0
link set lo up
link set eth0 up
route add default via $LAB_GATEWAY
END
  [ "$LAB_ISOLATED" = no ] || isolate || fail "cannot isolate $LAB_NAME"
  [ "$LAB_SYSTEMD" = no ] || mount_cgroup
  stop() {
    # The death of a host's init ends every process of the host, and only then unshare returns.
    if [ -f "$LAB_DIR/init" ] && read -r init _ <"$LAB_DIR/init"; then
      kill -9 "$init" 2>/dev/null
    else
      kill -9 "$!" 2>/dev/null
    fi
    wait "$!"
    rm -f "$LAB_DIR/init" "$LAB_DIR/supervisor"
    clean_cgroup
    exit 0
  }
  rm -f "$LAB_DIR/init"
  while :; do
    clean_cgroup
    unshare --mount --pid --uts --ipc --fork --kill-child sh "$0" boot &
    trap stop TERM
    wait "$!"
    status=$?
    rm -f "$LAB_DIR/init"
    # reboot(2) in a PID namespace ends its init with SIGHUP, power off with SIGINT.
    [ "$status" = 129 ] || break
    echo "host.sh: $LAB_NAME reboots"
  done
  echo "host.sh: $LAB_NAME ended with status $status"
  rm -f "$LAB_DIR/supervisor"
  clean_cgroup
  ;;

boot)
  # Still the machine's own /proc, so this is the number outside.
  record /proc/self "$LAB_DIR/init"
  [ "$LAB_SYSTEMD" = no ] && exec sh "$0" boot-inside
  mkdir "$LAB_DIR/cgroup/$LAB_CGROUP" && echo 0 >"$LAB_DIR/cgroup/$LAB_CGROUP/cgroup.procs" ||
    fail "cannot make the control group $LAB_CGROUP"
  exec unshare --cgroup sh "$0" boot-inside
  ;;

boot-inside)
  root="$LAB_DIR/root"
  mkdir -p "$root"
  # The disk of the boot before may take a moment to come free.
  tries=0
  until mount_disk "$root"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || fail "cannot mount the disk of $LAB_NAME"
    sleep 0.1
  done
  make_kernel_views "$root"
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
  mkdir "$root/run/sshd" "$root/run/lock" "$root/run/old"
  make_devices "$root"
  hostname "$LAB_NAME"
  cd "$root" && pivot_root . run/old || fail "cannot change the root to $root"
  case $LAB_SYSTEMD-$LAB_SSHD in
  yes-*) set -- /sbin/init ;;
  no-dropbear) set -- /usr/local/sbin/lab-dropbear ;;
  *) set -- /usr/sbin/sshd -D -e ;;
  esac
  # Without the capabilities that reach past the host: the machine's clock and its kernel modules.
  exec chroot . /bin/sh -c '
    umount -l /run/old && rmdir /run/old
    exec setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio --inh-caps=-sys_time,-sys_module,-sys_rawio \
      env -i --default-signal container=martlet-lab PATH="$PATH" "$@"' init "$@"
  ;;

isolate)
  isolate
  ;;

clean)
  [ "${LAB_INSIDE:-}" = yes ] || LAB_INSIDE=yes exec unshare --mount sh "$0" clean
  mount_cgroup
  clean_cgroup
  ;;

*)
  fail "unknown request '${1:-}'"
  ;;
esac
