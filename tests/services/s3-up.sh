#!/bin/bash
# s3-up.sh DIR: a real S3 server on a free port of this machine, with one bucket: Ceph's RADOS Gateway over one monitor and
# one object store in memory.  Writes DIR/env (the environment by which clients find it) and prints its address.  Stop it
# with s3-down.sh DIR.  77 where it is not installed, or we are not root.
set -euo pipefail
D=${1:?dir}
[ "$(id -u)" = 0 ] || exit 77
for program in radosgw ceph-mon ceph-osd ceph-authtool monmaptool radosgw-admin curl python3; do
    command -v "$program" >/dev/null || exit 77
done
mkdir -p "$D"/{mon,osd,rgw,run,log}
export CEPH_CONF=$D/ceph.conf

ports=$(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(2)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in held])
PY
)
read -r monitor port <<<"$ports"
cat >"$CEPH_CONF" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v2:127.0.0.1:$monitor/0
mon initial members = a
ms bind ipv4 = true
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
keyring = $D/keyring
run dir = $D/run
admin socket = $D/run/\$name.asok
pid file = $D/run/\$name.pid
log file = $D/log/\$name.log
mon data = $D/mon
osd data = $D/osd
mon cluster log file = $D/log/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon warn on pool no redundancy = false
mon allow pool size one = true
osd crush chooseleaf type = 0
mon max pg per osd = 2000
# The default waits 2 s for each of many small steps of the start.
paxos propose interval = 0.02
paxos min wait = 0.01
mon osd reporter subtree level = osd
mon data avail warn = 1
mon data avail crit = 1
osd min pg log entries = 10
osd max pg log entries = 10
osd objectstore = memstore
memstore device bytes = 2147483648
osd op num shards = 2
rgw run sync thread = false
rgw enable usage log = false
rgw enable ops log = false
rgw enable quota threads = false
rgw enable lc threads = false
rgw thread pool size = 32
rgw data = $D/rgw
rgw dns name = localhost
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
ms mon client mode = crc
ms mon service mode = crc
CONF

{
    ceph-authtool --create-keyring "$D/keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool "$D/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    monmaptool --create --addv a "[v2:127.0.0.1:$monitor/0]" "$D/monmap" --clobber
    ceph-mon --mkfs -i a --monmap "$D/monmap" --keyring "$D/keyring"
    ceph-mon -i a
    timeout 60 ceph -s
    uuid=$(cat /proc/sys/kernel/random/uuid)
    osd=$(timeout 60 ceph osd new "$uuid")
    ceph-osd -i "$osd" --mkfs --osd-uuid "$uuid"
    ceph-osd -i "$osd"
    timeout 60 ceph osd crush add-bucket h0 host || true
    timeout 60 ceph osd crush move h0 root=default || true
    timeout 60 ceph osd crush add "osd.$osd" 1.0 host=h0 || true
    for _ in $(seq 200); do ceph osd stat | grep -q '1 up' && break || sleep .1; done
    radosgw -n client.rgw
    for _ in $(seq 300); do curl -s -o /dev/null "http://127.0.0.1:$port/" && break || sleep .1; done
    timeout 60 radosgw-admin user create --uid=test --display-name=test --access-key=TESTKEY --secret=TESTSECRET
    curl -sf --aws-sigv4 aws:amz:us-east-1:s3 -u TESTKEY:TESTSECRET -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        -X PUT "http://127.0.0.1:$port/bucket"
} >"$D/start.log" 2>&1 || {
    cat "$D/start.log" >&2
    exit 1
}
cat >"$D/env" <<ENV
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=TESTKEY AWS_SECRET_ACCESS_KEY=TESTSECRET AWS_REGION=us-east-1
ENV
echo "http://127.0.0.1:$port"
