"""One small cloud for a crash test: alamod, alamo-agent with fake drivers, their world in this process.

A daemon is started with ALAMO_CRASH_AT once; when it has died there it is started again without.  The client treats a
broken connection as "unknown" and looks whether the call has happened.  What was answered with success is a promise,
which is asked for again after every death."""
import collections
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from urllib.parse import quote

from cloud import BUILD, SLOW, Answer, free_ports
from world import World, WorldServer

HOST = 'crash'  # of the agent: the name in its certificate
DAEMONS = {'alamod': 'src/alamod', 'agent': 'src/alamo-agent'}
PATIENCE_S = 30 * SLOW
ROOM = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # kill -9 spares the kernel's cache: no disk is needed


class Failure(Exception):
    pass


def write_confs(directory, ports):
    """The settings of both daemons for a cloud in 'directory'."""
    port, agent_port, http_port = ports
    conf = {'port': port, 'agent_port': agent_port, 'http_port': http_port, 'user': '', 'config_dir': directory,
            'data_dir': directory + '/data', 'public_url': f'https://127.0.0.1:{port}', 'fixed_range': '172.16.0.0/16'}
    agent = {'controller_url': f'https://127.0.0.1:{agent_port}', 'ca_file': directory + '/ca.pem',
             'cert_file': f'{directory}/{HOST}.pem', 'key_file': f'{directory}/{HOST}-key.pem', 'host_name': HOST,
             'state_dir': directory + '/state', 'run_dir': directory + '/run', 'image_dir': directory + '/data/images',
             'driver': f'fake:{directory}/world'}
    for name, settings in (('alamod', conf), ('agent', agent)):
        with open(f'{directory}/{name}.conf', 'w', encoding='utf-8') as f:
            f.writelines(f'{k} = {v}\n' for k, v in settings.items())


def numbered(names):
    """"a", "b", "a" -> "a:1", "b:1", "a:2"."""
    seen = collections.Counter()
    for name in names:
        seen[name] += 1
        yield f'{name}:{seen[name]}'


class Life:
    """crash: {'alamod': 'KIND:N'} or {'agent': 'KIND:N'} or nothing; both: when one daemon dies the other one is killed too."""

    def __init__(self, template, crash=None, both=False, ports=None):
        self.template, self.both = template, both
        self.dir = tempfile.mkdtemp(prefix='alamo-crash-', dir=ROOM)
        shutil.copytree(template.dir, self.dir, dirs_exist_ok=True)
        self.ports = ports or free_ports(3)
        write_confs(self.dir, self.ports)
        self.world = World(copy_of=template.disk)
        self.server = WorldServer(self.dir + '/world', self.world)
        self.server.run()
        self.crash, self.died, self.processes, self.logs = dict(crash or {}), None, {}, {}
        self.promises, self.began_us, self.repeats = {}, int(time.time() * 1e6), 0
        self.db = None

    # ---- daemons ----

    def start(self, name):
        env = dict(os.environ, ALAMO_LOG='info', ALAMO_STORE_VFS='lossy', ALAMO_CRASH_LOG=f'{self.dir}/{name}.points')
        env.pop('ALAMO_CRASH_AT', None)
        if name in self.crash:
            env['ALAMO_CRASH_AT'] = str(self.crash[name])
        with open(f'{self.dir}/{name}.log', 'ab') as log:
            self.processes[name] = subprocess.Popen([f'{BUILD}/{DAEMONS[name]}', '--config', f'{self.dir}/{name}.conf'],
                                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def start_all(self):
        self.start('alamod')
        self.wait(self.answers, 'alamod answers')
        self.start('agent')
        self.wait(self.host_up, 'the host is up')

    def points(self, name):
        try:
            with open(f'{self.dir}/{name}.points', encoding='utf-8') as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def dying(self):
        """A daemon has passed its point, but its death was not noticed yet."""
        return any(at in numbered(self.points(name)) for name, at in self.crash.items())

    def kill(self, name):
        p = self.processes[name]
        p.kill()  # a dead one does not mind
        p.wait()

    def tend(self):
        """Starts again what has died where it should; anything else that dies is a failure."""
        for name, p in self.processes.items():
            if p.poll() is None:
                continue
            if p.returncode != -signal.SIGKILL or name not in self.crash:
                raise Failure(f'{name} ended by itself: {p.returncode}')
            self.recover(name)
            return

    def recover(self, name):
        self.died = self.points(name)[-1]
        self.crash = {}
        dead = list(self.processes) if self.both else [name]
        for n in dead:
            self.kill(n)
        for n in dead:
            self.start(n)
        self.wait(self.answers, 'alamod answers after the crash')
        self.keep_promises()

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise Failure(f'never: {what}')
            self.tend()
            time.sleep(0.01)

    def end(self):
        """As hard as everything here: what is checked then is what a power cut leaves."""
        if self.db:
            self.db.close()
            self.db = None
        for name in self.processes:
            self.kill(name)

    def close(self):
        self.end()
        self.server.end()
        if not os.environ.get('ALAMO_KEEP'):
            shutil.rmtree(self.dir, ignore_errors=True)

    # ---- looking without asking: every answer of alamod's is a crash point ----

    def rows(self, sql, *args):
        for _ in range(100):
            try:
                if not self.db:
                    self.db = sqlite3.connect(f'file:{self.dir}/data/alamo.db?mode=ro', uri=True, check_same_thread=False)
                return self.db.execute(sql, args).fetchall()
            except sqlite3.OperationalError:  # a new alamod is just putting the log in order
                if self.db:
                    self.db.close()
                self.db = None
                time.sleep(0.02)
        raise Failure('the store cannot be read')

    def host_up(self):
        return self.rows('SELECT count(*) FROM host WHERE last_seen_us>?', self.began_us) == [(1,)]

    def listing(self, *folders):
        """Files below the cloud's folders."""
        return {os.path.join(f, name) for f in folders for name in os.listdir(f'{self.dir}/{f}')
                if os.path.isfile(f'{self.dir}/{f}/{name}')} if all(os.path.isdir(f'{self.dir}/{f}') for f in folders) else set()

    # ---- the client ----

    def call(self, method, path, body=None, token=None):
        """One call, one connection; OSError or HTTPException: nobody knows whether it happened."""
        c = http.client.HTTPConnection('127.0.0.1', self.ports[2], timeout=PATIENCE_S)
        headers = {'X-Auth-Token': token or self.template.token, 'OpenStack-API-Version': 'compute 2.37',
                   'Content-Type': 'application/json'}
        try:
            c.request(method, path, json.dumps(body) if body is not None else None, headers)
            r = c.getresponse()
            return Answer(r.status, dict(r.getheaders()), r.read().decode())
        finally:
            c.close()

    def answers(self):
        try:
            return self.call('GET', '/identity/v3').status == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path):
        """Reads until it has an answer."""
        while True:
            try:
                return self.call('GET', path)
            except (OSError, http.client.HTTPException):
                self.wait(self.alive, 'alamod is there again')

    def alive(self):
        """After a broken connection: it is over with the old process, and the new one answers."""
        self.tend()
        return self.answers()

    def keep_promises(self):
        for path, there in list(self.promises.items()):
            status = self.get(path).status
            if (status == 200) != there:
                raise Failure(f'a promise is broken: {path} is {"not " if there else ""}there ({status})')

    def act(self, method, path, body, happened):
        """Does it once: when the answer is lost, happened() says whether it was done; it returns what it found or None.
        Returns the answer, or what happened() has found."""
        while True:
            try:
                answer = self.call(method, path, body)
            except (OSError, http.client.HTTPException):
                self.wait(self.alive, 'alamod is there again')
                found = happened()
                if found is not None:
                    return found
                self.repeats += 1
                continue
            if answer.status == 503:  # it asks for patience
                self.tend()
                time.sleep(0.05)
                continue
            if not 200 <= answer.status < 300:
                raise Failure(f'{method} {path}: {answer}')
            return answer

    def make(self, collection, kind, values, query):
        """Makes an object and returns its id; 'query' finds it in the list."""
        def find():
            found = self.get(collection + '?' + query).json[kind + 's']
            if len(found) > 1:
                raise Failure(f'{kind}: made {len(found)} times')
            return found[0] if found else None

        made = self.act('POST', collection, {kind: values}, find)
        made = made.json[kind] if isinstance(made, Answer) else made
        self.promises[f'{collection}/{made["id"]}'] = True
        return made['id']

    def remove(self, path, gone):
        """Deletes; gone() says whether the removal has at least begun."""
        self.promises.pop(path, None)
        self.act('DELETE', path, None, lambda: True if gone() else None)

    def remove_now(self, path):
        """Of what is gone with the answer."""
        self.remove(path, lambda: self.get(path).status == 404)
        self.promises[path] = False
        self.keep_promises()

    def do(self, server_id, action, happened):
        return self.act('POST', f'/compute/v2.1/servers/{server_id}/action', action, happened)

    @staticmethod
    def named(name):
        return 'name=' + quote(name)
