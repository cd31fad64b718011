"""A controller by itself on loopback: no root, no guests, a directory that goes away.  For tests and measurements.

    with Cloud(hosts=['fake-1']) as cloud:
        answer = cloud.call('GET', '/compute/v2.1/servers', cloud.token('demo'))
"""
import http.client
import json
import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends with us
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('ALAMO_BUILD', os.path.join(TOP, 'build'))
SLOW = max(1, int(os.environ.get('ALAMO_SLOW', '1')))


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f'{self.status} {self.text[:300]}'


def free_ports(n):
    """Ports that nobody has on any address, below those that the kernel gives to clients: one of them may take any such port
    between this look and alamod's start."""
    sockets = []
    for port in random.SystemRandom().sample(range(10000, 32768), 1000):
        s = socket.socket()
        try:
            s.bind(('0.0.0.0', port))
        except OSError:
            s.close()
            continue
        sockets.append(s)
        if len(sockets) == n:
            break
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def error_text(answer):
    """The message of a failure in whichever envelope the service has."""
    body = answer.json
    if 'NeutronError' in body:
        return body['NeutronError']['message']
    if 'message' in body:
        return body['message']
    (inner,) = body.values()
    return inner['message']


class Cloud:
    def __init__(self, hosts=(), fixed_range='172.16.0.0/16', settings=None):
        self.hosts, self.processes, self.tokens, self.ids = list(hosts), [], {}, {}
        self.dir = tempfile.mkdtemp(prefix='alamo-test-')
        self.port, self.agent_port, self.http_port = free_ports(3)
        self.url = f'https://127.0.0.1:{self.port}'
        self.passwords = {'admin': secrets.token_urlsafe(18), 'demo': secrets.token_urlsafe(18)}
        self.projects = {'admin': 'admin', 'demo': 'demo'}
        self.settings = {
            'port': self.port, 'agent_port': self.agent_port, 'http_port': self.http_port, 'public_url': self.url,
            'config_dir': self.dir, 'data_dir': self.dir + '/data', 'user': '', 'fixed_range': fixed_range,
            **(settings or {})}
        self.tls = self.connection = self.alamod = None

    # ---- life ----

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        if os.environ.get('ALAMO_KEEP'):
            print('kept:', self.dir, file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as f:
            f.write(text)
        return path

    def prepare(self):
        os.makedirs(self.dir + '/data', exist_ok=True)
        subprocess.run([f'{BUILD}/bench/prepare', self.dir, *self.hosts], check=True)
        for name, password in self.passwords.items():
            self.write(f'{name}.password', password + '\n')
        self.write('alamod.conf', ''.join(f'{k} = {v}\n' for k, v in self.settings.items()))
        self.tls = ssl.create_default_context(cafile=self.dir + '/ca.pem')

    def start(self, wrapper=(), program='src/alamod'):
        if not self.tls:
            self.prepare()
        self.log = open(self.dir + '/alamod.log', 'ab')
        self.alamod = self.spawn([*wrapper, f'{BUILD}/{program}', '--config', self.dir + '/alamod.conf'], self.log)
        self.wait(self.answers, 'alamod answers', 120 if wrapper else 30)
        for host in self.hosts:
            self.spawn([f'{BUILD}/bench/fake-agent', f'https://127.0.0.1:{self.agent_port}', self.dir, host], self.log)
        if self.hosts:
            self.wait(lambda: self.rows('SELECT count(*) FROM host') == [(len(self.hosts),)], 'the hosts are up')

    def spawn(self, command, log):
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(p)
        return p

    def answers(self):
        if self.alamod.poll() is not None:
            with open(self.dir + '/alamod.log') as log:
                raise RuntimeError(f'alamod ended with {self.alamod.returncode}:\n' + log.read()[-3000:])
        try:
            return self.call('GET', '/identity/v3').status == 200
        except OSError:
            return False

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds * SLOW
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f'not within {seconds * SLOW} s: {what}')
            time.sleep(0.05)

    def stop(self):
        """Ends all processes; returns alamod's exit status."""
        if self.connection:
            self.connection.close()
            self.connection = None
        for p in reversed(self.processes):
            p.send_signal(signal.SIGKILL if p is not self.alamod else signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(40 * SLOW)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes = []
        return self.alamod.returncode if self.alamod else None

    # ---- calls ----

    def call(self, method, path, token=None, body=None, headers=None):
        """One call over HTTPS on a connection that is kept.  A body that is neither bytes nor text is sent as JSON."""
        headers = dict(headers or {})
        if token:
            headers['X-Auth-Token'] = token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode('utf-8', 'surrogatepass')
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
        for attempt in (1, 2):
            if not self.connection:
                self.connection = http.client.HTTPSConnection('127.0.0.1', self.port, context=self.tls, timeout=60 * SLOW)
            try:
                self.connection.request(method, path, body, headers)
                r = self.connection.getresponse()
                return Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read().decode())
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, http.client.CannotSendRequest):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise

    def login(self, user, password, project, domain='default', scope=None):
        body = {'auth': {'identity': {'methods': ['password'], 'password': {
            'user': {'name': user, 'domain': {'id': domain}, 'password': password}}}}}
        if project:
            scope = {'project': {'name': project, 'domain': {'id': domain}}}
        if scope:
            body['auth']['scope'] = scope
        answer = self.call('POST', '/identity/v3/auth/tokens', body=body)
        if answer.status != 201:
            raise RuntimeError(f'login of {user}: {answer}')
        token = answer.json['token']
        self.ids[user] = {'user': token['user']['id'], 'project': token.get('project', {}).get('id')}
        return answer.headers['x-subject-token']

    def token(self, user):
        if user not in self.tokens:
            self.tokens[user] = self.login(user, self.passwords[user], self.projects[user])
        return self.tokens[user]

    def project_id(self, user):
        self.token(user)
        return self.ids[user]['project']

    def make_user(self, name, role):
        """A user with a project of the same name."""
        admin = self.token('admin')
        password = secrets.token_urlsafe(18)
        project = self.call('POST', '/identity/v3/projects', admin, {'project': {'name': name}}).json['project']
        user = self.call('POST', '/identity/v3/users', admin,
                         {'user': {'name': name, 'password': password, 'default_project_id': project['id']}}).json['user']
        self.passwords[name], self.projects[name] = password, name
        self.grant(project['id'], user['id'], role)
        return project['id'], user['id']

    def grant(self, project_id, user_id, role):
        admin = self.token('admin')
        roles = self.call('GET', f'/identity/v3/roles?name={role}', admin).json['roles']
        answer = self.call('PUT', f'/identity/v3/projects/{project_id}/users/{user_id}/roles/{roles[0]["id"]}', admin)
        if answer.status != 204:
            raise RuntimeError(f'grant of {role}: {answer}')

    def openrc(self, user):
        """The environment of an OpenStack client for this user."""
        return {'OS_AUTH_URL': f'{self.url}/identity/v3', 'OS_USERNAME': user, 'OS_PASSWORD': self.passwords[user],
                'OS_PROJECT_NAME': self.projects[user], 'OS_USER_DOMAIN_NAME': 'Default',
                'OS_PROJECT_DOMAIN_NAME': 'Default', 'OS_IDENTITY_API_VERSION': '3', 'OS_REGION_NAME': 'RegionOne',
                'OS_CACERT': self.dir + '/ca.pem'}

    def make_image(self, name='image', size=1 << 20, token=None):
        """A public raw image of zeros."""
        admin = token or self.token('admin')
        answer = self.call('POST', '/image/v2/images', admin, {'name': name, 'disk_format': 'raw',
                                                               'container_format': 'bare', 'visibility': 'public'})
        if answer.status != 201:
            raise RuntimeError(f'image: {answer}')
        image = answer.json
        answer = self.call('PUT', f'/image/v2/images/{image["id"]}/file', admin, b'\0' * size,
                           {'Content-Type': 'application/octet-stream'})
        if answer.status != 204:
            raise RuntimeError(f'image file: {answer}')
        return image['id']

    # ---- the process ----

    def rows(self, sql):
        """What a SELECT finds in the store's file."""
        db = sqlite3.connect(f'file:{self.dir}/data/alamo.db?mode=ro', uri=True)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def cpu_ns(self, pid=None):
        """CPU time of all threads of a process (default: alamod), to the nanosecond."""
        total = 0
        tasks = f'/proc/{pid or self.alamod.pid}/task'
        for task in os.listdir(tasks):
            with open(f'{tasks}/{task}/schedstat') as f:
                total += int(f.read().split()[0])
        return total


class Checks:
    """Counts what a test program finds; the closing line is for tools/run-tests."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, good, name, detail=''):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f'FAILED {name}: {detail}', flush=True)
        return bool(good)

    def equal(self, got, want, name):
        return self.ok(got == want, name, f'got {got!r}, wanted {want!r}')

    def skip(self, name, why):
        self.skipped += 1
        print(f'skipped {name}: {why}')

    def end(self):
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        sys.exit(self.failed > 0)
