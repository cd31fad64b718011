"""controller.py PORT DIR: plays the controller for one agent.

DIR/docs/KIND.ID.json is a document that is wanted (write, change or remove files at will); DIR/seen.json gets the last
report of each guest, task and floating address by id; DIR/uploads/ID what the agent sends; DIR/syncs.jsonl every call."""
import glob, hashlib, http.server, json, os, socketserver, sys, threading, time

PORT, DIR = int(sys.argv[1]), sys.argv[2]
SEEN, LOCK = {}, threading.Lock()
HOLD_S = 3


def wanted():
    docs = {}
    for path in glob.glob(DIR + "/docs/*.json"):
        kind, id, _ = os.path.basename(path).split(".")
        try:
            text = open(path).read()
            docs[kind, id] = (hashlib.sha256(text.encode()).hexdigest()[:16], json.loads(text))
        except (OSError, ValueError):
            pass
    return docs


def answer(have):
    docs = wanted()
    a = {"guests": [], "networks": [], "groups": [], "routers": [], "floatings": [], "versions": [], "gone": []}
    for (kind, id), (version, value) in docs.items():
        if have.get((kind, id)) != version:
            a[kind + "s"].append(value)
            a["versions"].append({"kind": kind, "id": id, "version": version})
    for (kind, id), version in have.items():
        if (kind, id) not in docs:
            a["gone"].append({"kind": kind, "id": id, "version": version})
    return a


def note(sync):
    with LOCK:
        for kind in ("guests", "tasks", "floatings"):
            for r in sync.get(kind) or []:
                SEEN[r["id"]] = r
        for e in sync.get("events") or []:
            SEEN.setdefault("events", []).append(e)
        SEEN["host"] = {k: v for k, v in sync.items() if not isinstance(v, list)}
        with open(DIR + "/seen.tmp", "w") as f:
            json.dump(SEEN, f)
        os.rename(DIR + "/seen.tmp", DIR + "/seen.json")
        with open(DIR + "/syncs.jsonl", "a") as f:
            f.write(json.dumps(sync) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Expect") == "100-continue":
            pass  # answered by the base class
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while True:
                n = int(self.rfile.readline(), 16)
                data += self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self):
        sync = json.loads(self.body())
        note(sync)
        have = {(h["kind"], h["id"]): h["version"] for h in sync.get("have") or []}
        until = time.time() + (HOLD_S if sync.get("wait") else 0)
        while True:
            a = answer(have)
            if any(a.values()) or time.time() >= until:
                return self.reply(200, json.dumps(a).encode())
            time.sleep(0.05)

    def do_PUT(self):
        data = self.body()
        id = self.path.split("/")[4]
        with open(DIR + "/uploads/" + id, "wb") as f:
            f.write(data)
        self.reply(204, b"")

    def do_GET(self):
        path = DIR + "/source/" + self.path.split("/")[4]
        self.reply(200, open(path, "rb").read()) if os.path.exists(path) else self.reply(404, b"")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


Server(("127.0.0.1", PORT), Handler).serve_forever()
