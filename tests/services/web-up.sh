#!/bin/sh
# web-up.sh DIR: an nginx of one's own on a free port of this machine: DIR/dav by http, with WebDAV.  Prints its address.
# Where openssl is installed also by https, with a certificate for localhost that DIR/tls.crt vouches for; that address is in
# DIR/https.
# DIR/access.log gets "METHOD PATH RANGE STATUS BYTES" for each request.  Stop it with: kill $(cat DIR/nginx.pid).
# 77 where nginx or its WebDAV module is not installed.
set -eu
D=$1
module=/usr/lib/nginx/modules/ngx_http_dav_ext_module.so
PATH=$PATH:/usr/sbin
command -v nginx >/dev/null && [ -e $module ] && command -v python3 >/dev/null || exit 77

mkdir -p "$D/dav" "$D/tmp"
user=
if [ "$(id -u)" = 0 ]; then
    user="user www-data;"
    chown www-data "$D/dav" "$D/tmp"
fi
tls=
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$D/tls.key" -out "$D/tls.crt" 2>"$D/tls.log"
    tls="ssl_certificate $D/tls.crt; ssl_certificate_key $D/tls.key;"
fi
for try in 1 2 3 4 5; do # a free port may be taken before nginx has it
    ports=$(python3 -c 'import socket; s = [socket.socket() for i in "ab"]; [x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
    port=${ports% *} secure=${ports#* }
    cat >"$D/nginx.conf" <<CONF
daemon on; worker_processes 1; $user
pid $D/nginx.pid; error_log $D/error.log warn;
load_module $module;
events { worker_connections 512; }
http {
  log_format plain '\$request_method \$request_uri \$http_range \$status \$body_bytes_sent';
  access_log $D/access.log plain; sendfile on; tcp_nodelay on; keepalive_requests 100000;
  client_body_temp_path $D/tmp/b; proxy_temp_path $D/tmp/p; fastcgi_temp_path $D/tmp/f;
  uwsgi_temp_path $D/tmp/u; scgi_temp_path $D/tmp/s;
  server {
    listen 127.0.0.1:$port; ${tls:+listen 127.0.0.1:$secure ssl;} $tls root $D/dav; client_max_body_size 0;
    location / { dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; create_full_put_path on; }
  }
}
CONF
    if nginx -c "$D/nginx.conf" -e "$D/error.log" 2>"$D/start.log"; then
        [ -z "$tls" ] || echo "https://localhost:$secure" >"$D/https"
        echo "http://127.0.0.1:$port"
        exit
    fi
done
cat "$D/start.log" >&2
exit 1
