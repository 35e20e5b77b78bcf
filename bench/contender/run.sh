#!/bin/bash
# Runs a command of the side-by-side harness with Yardmaster among its contenders; the harness may be read-only.
#   bench/contender/run.sh HARNESS BUILD suites/forward.sh yardmaster:dr:rr limit:dr:- ...
harness=$(realpath "$1"); export BUILD=$(realpath "$2"); shift 2
export PERF_DIR=$(mktemp -d)
trap 'rm -rf "$PERF_DIR"' EXIT
mkdir "$PERF_DIR/contenders"
ln -s "$harness"/{lib,suites,src} "$PERF_DIR/"
ln -s "$harness"/contenders/* "$(realpath "$(dirname "$0")")/yardmaster" "$PERF_DIR/contenders/"
cd "$PERF_DIR" && "$@"
