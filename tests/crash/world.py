"""The world of a host whose agent has fake drivers: guests, disks, taps and what the network holds, behind a socket.

It lives in the test's process and outlives every agent.  A deed that could not be done for real is noted in 'wrong'.
A test may make deeds slow and make them fail: fail(), delay()."""
import socketserver
import threading
import time

KINDS = {'CONFLICT': 5, 'UNAVAILABLE': 9}  # of base/cx.h: what no repetition mends, and what may pass


class World:
    def __init__(self, copy_of=''):
        self.lock = threading.Lock()
        self.guests, self.disks, self.sizes, self.overlays = {}, {}, {}, set()
        self.taps, self.network = set(), set()  # network: leases, rules, floating addresses
        self.wrong, self.deeds, self.starts, self.copies = [], [], 0, 0
        self.faults, self.delays = {}, {}
        self.copy_of = copy_of  # the file that a snapshot's copy is like; empty: the agent makes one up

    def left(self):
        """What should not be there when nothing is wanted."""
        with self.lock:
            return [*self.guests, *self.disks, *self.overlays, *sorted(self.taps), *sorted(self.network)]

    def fail(self, verb, guest_id, kind, text, times=1 << 30):
        """That deed on that guest fails so often with this text; times=0: no more."""
        self.faults[verb, guest_id] = [times, f'-{KINDS[kind]} {text}']

    def delay(self, verb, guest_id, seconds):
        """That deed on that guest takes so long; others go on meanwhile."""
        self.delays[verb, guest_id] = seconds

    def answer(self, verb, guest_id, *args):
        time.sleep(self.delays.get((verb, guest_id), 0))
        with self.lock:
            fault = self.faults.get((verb, guest_id))
            if fault and fault[0] > 0:
                fault[0] -= 1
                return fault[1]
            return self.deed(verb, guest_id, *args)

    def must(self, condition, text):
        if not condition:
            self.wrong.append(text)

    def see(self, guest):
        if not guest:
            return '0 absent 0 0'
        live = guest['power'] in ('on', 'paused')
        taps = sorted(guest['taps']) if live else []
        return ' '.join(['0', guest['power'], '0', '1' if guest['overlay'] else '0', *taps])

    def apply_network(self, wanted):
        taps = {w for w in wanted if w.startswith('tap')}
        held = {t for g in self.guests.values() if g['power'] == 'on' for t in g['taps']}
        self.taps = taps | held
        self.network = set(wanted) - taps
        return '1' if held - taps else '0'

    def deed(self, verb, guest_id, *args):
        g = self.guests.get(guest_id)
        live = g and g['power'] in ('on', 'paused')
        if verb == 'see':
            return self.see(g)
        if verb == 'disks':
            small = guest_id in self.disks and self.sizes[guest_id] < int(args[0])
            return '0 %d %d %d %d' % (guest_id in self.disks, guest_id in self.overlays, guest_id in self.disks, small)
        if verb == 'guests':
            return '0 ' + ' '.join(self.guests)
        if verb == 'files':
            return '0 ' + ' '.join(self.disks)
        self.deeds.append(' '.join([verb, guest_id, *args]))
        if verb == 'network':
            return self.apply_network(args)
        if verb == 'make':
            self.must(not live, 'disks made under a running guest')
            if guest_id not in self.disks:  # an existing disk is never touched
                self.disks[guest_id], self.sizes[guest_id] = args[1] if args[1:] else 'empty', int(args[0])
        elif verb == 'grow':
            self.must(not live and guest_id not in self.overlays, 'a disk grew under its writer')
            self.sizes[guest_id] = max(self.sizes[guest_id], int(args[0]))
        elif verb == 'start':
            self.must(guest_id in self.disks, 'start without a disk')
            self.must(all(t in self.taps for t in args), 'start before the taps')
            self.must(guest_id not in self.overlays, 'start with an overlay left')
            if not live:
                self.starts += 1
                self.guests[guest_id] = {'power': 'on', 'taps': set(args), 'overlay': False}
        elif verb in ('ask_off', 'stop'):
            if live:
                g['power'] = 'off'
        elif verb in ('pause', 'resume'):
            self.must(live, verb + ' of a guest that is off')
            if live:
                g['power'] = 'paused' if verb == 'pause' else 'on'
        elif verb == 'save':
            self.must(live, 'memory of a guest that is off was saved')
            if live:
                g['power'] = 'suspended'
        elif verb == 'drop_save':
            if g and g['power'] == 'suspended':
                g['power'] = 'off'
        elif verb in ('attach', 'detach'):
            self.must(live, verb + ' on a guest that is off')
            if live and verb == 'attach':
                self.must(args[0] in self.taps, 'attach before the tap')
                g['taps'].add(args[0])
            elif live:
                g['taps'].discard(args[0])
        elif verb == 'forget':
            self.must(not live, 'undefine of a running guest')
            self.guests.pop(guest_id, None)
        elif verb == 'remove':
            self.must(not live, 'disks removed under a running guest')
            self.disks.pop(guest_id, None)
            self.overlays.discard(guest_id)
        elif verb == 'freeze':
            self.must(live and not g['overlay'], 'freeze of a frozen guest')
            self.must(guest_id in self.overlays, 'freeze without an overlay to write into')
            g['overlay'] = True
        elif verb == 'copy':
            self.must(not live or g['overlay'], 'copy of a disk that is written to')
            self.copies += 1
            return ('0 ' + self.copy_of).strip()
        elif verb in ('merge', 'merge_off'):
            if g:
                g['overlay'] = False
            if verb == 'merge_off':
                self.overlays.discard(guest_id)
        elif verb == 'make_overlay':
            self.must(not (g and g['overlay']), 'the overlay in use was made anew')
            self.overlays.add(guest_id)
        elif verb == 'drop_overlay':
            self.must(not (g and g['overlay']), 'the overlay in use was dropped')
            self.overlays.discard(guest_id)
        else:
            self.wrong.append('unknown deed ' + verb)
        return '0'


class WorldServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path, world):
        self.world = world
        super().__init__(path, WorldHandler)

    def run(self):
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


class WorldHandler(socketserver.StreamRequestHandler):
    def handle(self):
        words = self.rfile.readline().decode().split()
        if not words:
            return
        answer = self.server.world.answer(words[0], words[1] if len(words) > 1 else None, *words[2:])
        try:
            self.wfile.write((answer + '\n').encode())
        except OSError:
            pass  # the agent has died over it
