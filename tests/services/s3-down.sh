#!/bin/sh
# s3-down.sh DIR: stops what s3-up.sh DIR has started, and waits for it, at most five seconds a daemon.
for file in "${1:?dir}"/run/client.rgw.pid "$1"/run/osd.*.pid "$1"/run/mon.a.pid; do
    pid=$(cat "$file" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for i in $(seq 50); do
        # One that its parent has not waited for yet is still there for kill.
        [ "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || echo Z)" = Z ] && break
        [ -e "/proc/$pid" ] || break
        sleep .1
    done
    [ ! -e "/proc/$pid" ] || kill -9 "$pid" 2>/dev/null
done
exit 0
