#!/bin/bash
# real_adbd.sh ADBD SCRATCH COMMAND...: in a namespace of its own, adbd on port 5555 of loopback, then COMMAND.
set -e
adbd=$1 scratch=$2
shift 2
ip link set lo up
mount -t tmpfs tmpfs /mnt
libraries=$adbd/usr/lib/x86_64-linux-gnu
HOME=/mnt ADB_VENDOR_KEYS= ADBD_PORT=5555 "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/android" \
  "$adbd/usr/lib/android-sdk/platform-tools/adbd" >"$scratch/adbd.log" 2>&1 &
for _ in {1..100}; do
  (exec 3<>/dev/tcp/127.0.0.1/5555) 2>/dev/null && break
  sleep 0.1
done
HOME=$scratch PYTHONPATH=. "$@"
