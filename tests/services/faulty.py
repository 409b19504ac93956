#!/usr/bin/env python3
"""faulty.py DIR [LOG]: a web server on a free port of this machine that does what servers should not do.

Prints its port, and serves the files of DIR until it is killed.  /FAULT/PATH is the file DIR/PATH, served with a fault:

  ok              none
  latency-MS      waits before each answer
  error-CODE-N    answers CODE to the first N requests for that path (N left out: always); 429 with Retry-After: 1
  reset-BYTES-N   resets the connection after BYTES of the body, N times
  truncate-BYTES-N   closes it instead
  wrong-N         changes a byte of the body, N times
  stall-BYTES-N   sends BYTES and then nothing, for ever
  short-BYTES     says that the file has BYTES, and sends no more (a wrong Content-Length)
  long-BYTES      says that it has BYTES more than it has, and closes
  more-BYTES      answers a range with BYTES more than it says
  shifted         answers a range with another part than the one that was asked for
  changing-BYTES  resets after BYTES, and has another version each time
  mute-BYTES      resets after BYTES, and tells neither ETag nor Last-Modified
  unnamed-BYTES-N resets after BYTES, N times, and tells no ETag
  norange-BYTES-N resets after BYTES, N times, and knows no ranges
  nohead          knows no HEAD
  chunked         tells no Content-Length
  redirect        sends to /ok/PATH; redirect-N through N places; redirect-ftp to another protocol
  host-PORT       redirects to the same path on localhost:PORT (another host by name)
  auth            wants user "me", password "secret"
  lost-N          does what is asked for, and resets the connection instead of answering, N times for each method and path

PUT, MOVE and DELETE are known too, with the faults error and lost.

LOG gets a line for each request: method, path, Range, whether it had Authorization (or the names of the headers that a
signature of S3 covers), bytes of the body to be sent."""
import hashlib
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

root = sys.argv[1]
log = open(sys.argv[2], "a", buffering=1) if len(sys.argv) > 2 else None
seen, lock = {}, threading.Lock()


def count(path):
    """How often the path was asked for before."""
    with lock:
        seen[path] = seen.get(path, 0) + 1
        return seen[path] - 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, sent):
        if log:
            auth = self.headers.get("Authorization")
            auth = auth.split("SignedHeaders=")[1].split(",")[0] if auth and "SignedHeaders=" in auth else "auth" if auth else "-"
            log.write(f"{self.command} {self.path} {self.headers.get('Range', '-')} {auth} {sent}\n")

    def answer(self, code, headers=(), body=b""):
        self.note(len(body))  # before the client can know: it may look into the log next
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def range_of(self, size):
        """The part that is asked for, or None."""
        text = self.headers.get("Range", "")
        if not text.startswith("bytes="):
            return None
        first, last = text[6:].split("-")
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1) if last else size

    def do_HEAD(self):
        self.do_GET()

    def change(self, do):
        """A request that changes files: do(path) gives the status."""
        parts = self.path.split("/", 2)
        fault, *args = parts[1].split("-")
        n = [int(a) for a in args if a.isdigit()]
        # Under a name of its own each time: the last name that is not hidden tells what it is about.
        before = count(f"{self.command} {parts[1]}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == "error" and (len(n) < 2 or before < n[1]):
            return self.answer(n[0])
        status = do(os.path.join(root, parts[2]), body)
        if fault == "lost" and before < n[0]:
            self.note(0)
            return self.reset()
        return self.answer(status)

    def do_PUT(self):
        def put(path, body):
            with open(path, "wb") as f:
                f.write(body)
            return 201
        self.change(put)

    def do_MOVE(self):
        def move(path, body):
            to = os.path.join(root, self.headers["Destination"].split("/", 4)[4])
            if not os.path.exists(path):
                return 404
            if os.path.exists(to) and self.headers.get("Overwrite") == "F":
                return 412
            os.rename(path, to)
            return 201
        self.change(move)

    def do_DELETE(self):
        def delete(path, body):
            if not os.path.exists(path):
                return 404
            os.unlink(path)
            return 204
        self.change(delete)

    def do_GET(self):
        parts = self.path.split("?")[0].split("/", 2)
        fault, *args = parts[1].split("-")
        path = os.path.join(root, parts[2] if len(parts) > 2 else "")
        before = count(self.path) if self.command == "GET" else count("HEAD " + self.path)
        n = [int(a) for a in args if a.isdigit()]

        if fault == "latency":
            time.sleep(n[0] / 1000)
        if fault == "error" and (len(n) < 2 or before < n[1]):
            return self.answer(n[0], [("Retry-After", "1")] if n[0] == 429 else [], b"no")
        if fault == "redirect" and args == ["ftp"]:
            return self.answer(302, [("Location", "ftp://127.0.0.1/x")])
        if fault == "redirect":
            left = n[0] - 1 if n else 0
            return self.answer(302, [("Location", f"/redirect-{left}/{parts[2]}" if left > 0 else f"/ok/{parts[2]}")])
        if fault == "host":
            return self.answer(302, [("Location", f"http://localhost:{n[0]}/ok/{parts[2]}")])
        if fault == "auth" and self.headers.get("Authorization") != "Basic bWU6c2VjcmV0":
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="x"')])
        if fault == "nohead" and self.command == "HEAD":
            return self.answer(405)
        if not os.path.isfile(path):
            return self.answer(404)
        with open(path, "rb") as f:
            data = f.read()
        return self.serve(fault, n, before, data, os.stat(path).st_mtime)

    def serve(self, fault, n, before, data, mtime):
        times = n[1] if len(n) > 1 else 1 << 30
        if fault == "changing" and before:
            data = bytes(b ^ before & 255 for b in data)
        etag = '"' + hashlib.md5(data).hexdigest() + '"'
        whole = len(data)
        part = None if fault == "norange" else self.range_of(whole)
        match = self.headers.get("If-Match")
        if match and match != etag and fault not in ("mute", "unnamed"):
            return self.answer(412)
        if part and (part[0] >= whole or part[1] <= part[0]):
            return self.answer(416, [("Content-Range", f"bytes */{whole}")])
        if part and fault == "shifted":
            part = (max(0, part[0] - 1), part[1] - 1) if part[0] else (1, part[1])
        body = data[part[0]:part[1]] if part else data
        length = len(body)
        if fault == "wrong" and before < n[0]:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault == "short":
            body, length = body[:n[0]], n[0]
        if fault == "long":
            length += n[0]
        if fault == "more" and part:
            body, length = body + b"x" * n[0], length + n[0]
        breaks = fault in ("reset", "truncate", "stall", "changing", "mute", "unnamed", "norange") and before < times
        if breaks:
            body = body[:n[0]]
        self.note(0 if self.command == "HEAD" else len(body))
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {part[0]}-{part[1] - 1}/{whole}")
        if fault not in ("mute", "unnamed"):
            self.send_header("ETag", etag)
        if fault != "mute":
            self.send_header("Last-Modified", self.date_time_string(int(mtime)))
        if fault == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if fault in ("truncate", "long"):
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return None
        if fault == "chunked":
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        self.wfile.write(body)
        self.wfile.flush()
        if breaks and fault == "stall":
            time.sleep(3600)
        elif breaks and fault == "truncate" or fault == "long":
            self.close_connection = True
        elif breaks:
            time.sleep(0.02)  # what was sent arrives before the reset
            self.reset()
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
