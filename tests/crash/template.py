"""What every crash test begins with, made once: certificates, a store with an image, a key and a host, a token."""
import os
import shutil
import tempfile

import life
import stories
from cloud import TOP, Cloud

DISK = TOP + '/tests/fuzz/corpus/image/qcow2-ok-v3'
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5Xz3WcJgYtZ3bq0v6d0J8cXb6Yw3b3m2C1n9o4pQrS test'


class Template:
    def __init__(self):
        self.disk = DISK
        self.dir = tempfile.mkdtemp(prefix='alamo-template-', dir=life.ROOM)
        try:
            self.prepare(Cloud(hosts=[life.HOST]))
            self.settle()
        except BaseException:
            self.close()
            raise

    def prepare(self, cloud):
        try:
            cloud.prepare()
            cloud.hosts = []  # has its certificate now; it is no pretended host, it gets an agent
            cloud.start()
            self.fill(cloud)
            cloud.stop()
            self.keep(cloud.dir)
        finally:
            cloud.__exit__()

    def fill(self, cloud):
        self.token = cloud.token('demo')
        parts = {name: self.add_image(cloud, name, form) for name, form in (('kernel', 'aki'), ('ramdisk', 'ari'))}
        self.image = self.add_image(cloud, 'disk', 'raw', kernel_id=parts['kernel'], ramdisk_id=parts['ramdisk'])
        self.other = self.add_image(cloud, 'other', 'raw')
        cloud.call('POST', '/compute/v2.1/os-keypairs', self.token, {'keypair': {'name': 'key', 'public_key': KEY}})
        flavors = cloud.call('GET', '/compute/v2.1/flavors/detail', self.token).json['flavors']
        self.flavor = min(flavors, key=lambda f: (f['ram'], f['disk']))['id']
        answer = cloud.call('POST', '/compute/v2.1/flavors', cloud.token('admin'),
                            {'flavor': {'name': 'larger', 'ram': 300, 'vcpus': 1, 'disk': 1}})
        self.larger = answer.json['flavor']['id']
        networks = {n['router:external']: n['id'] for n in cloud.call('GET', '/network/v2.0/networks', self.token).json['networks']}
        self.public, self.private = networks[True], networks[False]
        groups = cloud.call('GET', '/network/v2.0/security-groups', self.token)  # makes the project's default group
        assert groups.json['security_groups'], groups

    @staticmethod
    def add_image(cloud, name, form, **properties):
        body = {'name': name, 'disk_format': form, 'container_format': form if form[0] == 'a' else 'bare',
                'visibility': 'community' if form[0] == 'a' else 'public', **properties}
        admin = cloud.token('admin')
        image = cloud.call('POST', '/image/v2/images', admin, body).json['id']
        with open(f'{TOP}/tests/fuzz/corpus/image/{ {"aki": "aki-ok-elf", "ari": "ari-ok-gzip", "raw": "raw-ok-mbr"}[form]}', 'rb') as f:
            answer = cloud.call('PUT', f'/image/v2/images/{image}/file', admin, f.read(), {'Content-Type': 'application/octet-stream'})
        assert answer.status == 204, answer
        return image

    def keep(self, directory):
        for name in os.listdir(directory):
            if name.endswith(('.pem', '.keys', '.password')):
                shutil.copy(f'{directory}/{name}', self.dir)
        shutil.copytree(directory + '/data', self.dir + '/data')

    def settle(self):
        """One undisturbed start: the host gets its row, the agent its folders."""
        self.files, self.rows = set(), {}
        one = life.Life(self)
        try:
            one.start_all()
            one.wait(lambda: os.path.isdir(one.dir + '/state/docs'), 'the agent has its folders')
            one.end()
            with_log = stories.dump(one.rows)
            one.end()
            for top in ('data', 'state'):
                shutil.rmtree(f'{self.dir}/{top}', ignore_errors=True)
                shutil.copytree(f'{one.dir}/{top}', f'{self.dir}/{top}')
            self.files, self.rows = stories.files(one), with_log
        finally:
            one.close()

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)
