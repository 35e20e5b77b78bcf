#!/bin/busybox sh
# The guest's first process. Loads the modules, mounts the machine's own root file system (9p, read-only) below an
# overlay that keeps writes in memory, and runs /command in it. The command's output goes to the second serial port, its
# status to the console, where the kernel's messages are.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
fail() {
  echo "init: $1" >/dev/ttyS1
  $b poweroff -f
}
for module in /modules/*; do $b insmod "$module" || fail "loading $module"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,ro,cache=loose root /lower ||
  fail "mounting the root over 9p"
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/data /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ||
  fail "mounting the overlay"
for folder in proc sys dev; do $b mount --move /$folder /root/$folder; done
$b mount -t tmpfs tmpfs /root/run
$b mkdir -p /root/dev/shm /root/dev/pts
$b mount -t tmpfs tmpfs /root/dev/shm
$b mount -t devpts devpts /root/dev/pts
$b mount -t bpf bpf /root/sys/fs/bpf
$b mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
$b mount -t tracefs tracefs /root/sys/kernel/tracing
$b ifconfig lo up
$b mkdir /root/run/vm
$b cp /bin/* /command /root/run/vm
exec $b switch_root /root /run/vm/busybox sh -c '
  b=/run/vm/busybox
  $b stty -F /dev/ttyS1 raw
  ulimit -l unlimited
  ulimit -n 65536
  # Through a pipe: programs that see a terminal would redraw their lines.
  { /bin/sh /run/vm/command </dev/null 2>&1; echo "@@status $?" >/run/vm/status; } | $b cat >/dev/ttyS1
  $b cat /run/vm/status >/dev/console
  $b sleep 0.2
  $b poweroff -f
'
