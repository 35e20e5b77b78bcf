#!/bin/bash
# Measures our pinned program and the hand-written limit in one run of the harness's tool, in a director's network.
#   bench/harness-testrun.sh HARNESS BUILD [nat|dr ...]       REPEAT, NEW, REPS as in its suites/testrun.sh
harness=$1 build=$2; shift 2
[ $# = 0 ] && set -- dr nat
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$here/../node_modules/.bin:$PATH # the pinned Node
repeat=${REPEAT:-1000000} new=${NEW:-100000} reps=${REPS:-11} size=4194304
name=ymharness-$$
trap 'ip netns del $name; rm -f /sys/fs/bpf/$name-*' EXIT
ip netns add "$name" || exit 1
node "$here/print-network.ts" | while read -r command; do ip netns exec "$name" $command < /dev/null || exit 1; done
# ip netns exec would mount a /sys of its own, without our pins.
tr() {
	nsenter --net="/run/netns/$name" "$build/tr" --reps "$reps" ${PERF_CPU:+--cpu $PERF_CPU} "$@" 2>&1 | cut -c1-200
}
for mode in "$@"; do
	pin=/sys/fs/bpf/$name-$mode
	node "$here/pin-for-harness.ts" "$mode" "$pin" || exit 1
	for subject in "limit --table hash --size $size --mode $mode" "pinned --prog $pin"; do
		label=${subject%% *}-$mode
		tr --label "$label-udp" --subject $subject --repeat "$repeat" --shuffle --flows 1000
		tr --label "$label-tcp" --subject $subject --repeat "$repeat" --shuffle --flows 1000 --tcp A
		tr --label "$label-udp" --subject $subject --case new --repeat "$new"
		tr --label "$label-tcp" --subject $subject --case new --repeat "$new" --first 100000000 --tcp S
		tr --label "$label-udp" --subject $subject --case pass --repeat "$repeat"
	done
	rm -f "$pin"
done
