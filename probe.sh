sleep 14
systemctl status yardmaster --no-pager -l
show() { systemctl show yardmaster -p MainPID --value; }
M=$(show); grep -E "Uid|CapEff|NoNewPrivs|Seccomp:|VmRSS|RssAnon" /proc/$M/status
ls -la /sys/fs/bpf /sys/fs/bpf/yardmaster /run/yardmaster /run/yardmaster/ /var/lib/private 2>&1
ip link show v0
yardmaster status
kill -9 $M; sleep 14; systemctl status yardmaster --no-pager -l | head -30; echo "$M then $(show)"
ip link show v0
systemctl stop yardmaster; ls -la /sys/fs/bpf/yardmaster/*; yardmaster down;  ip link show v0
journalctl --no-pager 2>&1 | tail -5
