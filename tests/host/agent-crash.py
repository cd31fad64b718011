#!/usr/bin/env python3
"""agent-crash.py AGENT: the agent dies at each of its crash points, and everything still comes out right.

This process is the world (guests, disks, taps behind a socket) and the controller (documents, reports); both outlive
the agent.  A story is told: build, reboot, hot plug, snapshot, stop, start, remove.  First without a crash, counting
the points; then once for each point (or every STEP-th: environment STEP), with a restart after the crash.  After each
story the world must hold just what was wanted, every deed must have been lawful, and nothing may be left."""
import http.server, json, os, shutil, signal, socketserver, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "crash"))
from world import World, WorldServer  # noqa: E402

AGENT = sys.argv[1]
G = "aaaaaaaa-0000-4000-8000-000000000001"
PORTS = ["bbbbbb0%d-0000-4000-8000-000000000001" % i for i in range(3)]
NET, IMAGE, SHOT = ("%s-0000-4000-8000-000000000001" % c * 1 for c in ("11111111", "dddddddd", "99999999"))
SLOW = int(os.environ.get("ALAMO_SLOW", "1"))


def tap(port): return "tap" + port[:11]


class Controller(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self):
        self.docs, self.seen, self.uploads, self.changed = {}, {}, {}, threading.Condition()
        super().__init__(("127.0.0.1", 0), ControllerHandler)

    def handle_error(self, request, address):
        pass  # the agent's end in the middle of a call is what this is about

    def put(self, kind, value):
        with self.changed:
            self.docs[kind, value["id"]] = json.dumps(value)
            self.changed.notify_all()

    def drop(self, kind, id):
        with self.changed:
            self.docs.pop((kind, id), None)
            self.changed.notify_all()


class ControllerHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        self.server.uploads[self.path.split("/")[4]] = self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(204)

    def do_POST(self):
        c, sync = self.server, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        have = {(h["kind"], h["id"]): h["version"] for h in sync["have"]}
        until = time.time() + (0.3 if sync["wait"] else 0)
        with c.changed:
            for kind in ("guests", "tasks"):
                c.seen.update({r["id"]: r for r in sync[kind]})
            c.changed.notify_all()
            while True:
                a = {k: [] for k in ("guests", "networks", "groups", "routers", "floatings", "versions", "gone")}
                for (kind, id), text in c.docs.items():
                    version = str(hash(text))
                    if have.get((kind, id)) != version:
                        a[kind + "s"].append(json.loads(text))
                        a["versions"].append({"kind": kind, "id": id, "version": version})
                a["gone"] = [{"kind": k, "id": i, "version": v} for (k, i), v in have.items() if (k, i) not in c.docs]
                left = until - time.time()
                if any(a.values()) or left <= 0:
                    break
                c.changed.wait(left)
        try:
            self.reply(200, json.dumps(a).encode())
        except OSError:
            pass


class Story:
    def __init__(self, crash_at, log=None):
        self.dir = tempfile.mkdtemp(prefix="alamo-crash.")
        self.world, self.controller = World(), Controller()
        self.servers = [WorldServer(self.dir + "/world", self.world), self.controller]
        for s in self.servers:
            threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with open(self.dir + "/agent.conf", "w") as f:
            f.write("controller_url = http://127.0.0.1:%d\nhost_name = crash\nstate_dir = %s/state\nrun_dir = %s/run\n"
                    "driver = fake:%s/world\n" % (self.controller.server_port, self.dir, self.dir, self.dir))
        self.env = dict(os.environ, ALAMO_LOG="info")
        if crash_at:
            self.env["ALAMO_CRASH_AT"] = str(crash_at)
        if log:
            self.env["ALAMO_CRASH_LOG"] = log
        self.crashed, self.agent, self.guest = False, None, None
        self.launch()

    def launch(self):
        self.agent = subprocess.Popen([AGENT, "--config", self.dir + "/agent.conf"], env=self.env,
                                      stderr=open(self.dir + "/agent.log", "a"))

    def tend(self):
        if self.agent.poll() is not None:
            if self.agent.returncode != -signal.SIGKILL or self.crashed:
                raise AssertionError("the agent ended by itself: %s" % self.agent.returncode)
            self.crashed = True
            self.env.pop("ALAMO_CRASH_AT")
            self.launch()

    def until(self, what, condition):
        end = time.time() + 20 * SLOW
        while True:
            self.tend()
            with self.controller.changed:
                if condition(self.controller.seen):
                    return
                self.controller.changed.wait(0.02)
            if time.time() > end:
                raise AssertionError("never: %s; seen %s" % (what, self.controller.seen))

    def want(self, phase="ready", **changes):
        self.guest.update(changes, gen=self.guest["gen"] + 1)
        self.controller.put("guest", self.guest)
        gen = self.guest["gen"]
        self.until("%s %s" % (phase, changes), lambda seen: seen.get(G, {}).get("gen") == gen and
                   seen[G]["phase"] == phase)

    def port(self, i):
        return {"id": PORTS[i], "mark": i + 1, "mac": "fa:16:3e:00:00:0%d" % i, "network_id": NET, "ips": [],
                "groups": [], "secured": False, "pairs": []}

    def tell(self):
        w, c = self.world, self.controller
        c.put("network", {"id": NET, "flat": True, "subnets": []})
        self.guest = {"id": G, "gen": 0, "power": "on", "stop_hard": True, "boot_n": 0, "boot_hard": True,
                      "place_epoch": 1, "vcpus": 1, "ram_mib": 64, "root_gib": 1, "image": {"id": IMAGE},
                      "ports": [self.port(0)], "tasks": []}
        self.want()
        assert w.guests[G]["power"] == "on"
        self.want(boot_n=1)
        assert c.seen[G]["boot_n"] == 1
        self.want(ports=[self.port(0), self.port(1)])
        assert w.guests[G]["taps"] == {tap(PORTS[0]), tap(PORTS[1])}
        self.want(ports=[self.port(1)])
        assert w.guests[G]["taps"] == {tap(PORTS[1])}
        self.want(tasks=[{"id": SHOT, "kind": "snapshot", "image_id": SHOT}])
        self.until("snapshot", lambda seen: seen.get(SHOT, {}).get("done"))
        assert not c.seen[SHOT]["fault"], c.seen[SHOT]
        assert c.uploads.get(SHOT) == SHOT.encode()
        self.want(tasks=[], power="off")
        assert w.guests[G]["power"] == "off"
        self.want(power="on")
        assert w.guests[G]["power"] == "on"
        c.drop("guest", G)
        self.until("gone", lambda seen: seen[G]["phase"] == "gone")
        assert not w.guests and not w.disks and not w.overlays, (w.guests, w.disks, w.overlays)
        self.until("taps gone", lambda seen: not w.taps)
        assert not w.wrong, w.wrong
        self.until("records gone", lambda seen: not os.listdir(self.dir + "/state/records"))

    def end(self):
        self.agent.kill()
        self.agent.wait()
        for s in self.servers:
            s.shutdown()
            s.server_close()
        shutil.rmtree(self.dir)


def tell(crash_at, log=None):
    story = Story(crash_at, log)
    try:
        story.tell()
    except AssertionError:
        print(open(story.dir + "/agent.log").read()[-3000:], "\ncrash point", crash_at, "wrong:", story.world.wrong)
        raise
    finally:
        story.end()
    return story


def main():
    log = tempfile.mktemp(prefix="alamo-points.")
    begin = time.time()
    whole = tell(0, log)
    points = open(log).read().splitlines()
    os.unlink(log)
    print("one story: %.1f s, %d crash points of %d kinds, %d starts" %
          (time.time() - begin, len(points), len(set(points)), whole.world.starts))
    tried = 0
    for at in range(1, len(points) + 1, int(os.environ.get("STEP", "1"))):
        story = tell(at)
        tried += story.crashed
        if story.world.starts > whole.world.starts + 1:
            raise AssertionError("crash point %d: %d starts" % (at, story.world.starts))
    print("crashed at %d points, all came out right, %.0f s" % (tried, time.time() - begin))


main()
