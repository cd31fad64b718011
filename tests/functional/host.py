"""A host of a Cloud: a real alamo-agent with fake drivers, its world of guests, disks and taps in this process.

    with Cloud() as cloud, Host(cloud) as host:
        host.world.fail('make', server_id, 'UNAVAILABLE', 'No space left on device')
"""
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'crash'))
from cloud import BUILD, Cloud  # noqa: E402
from world import World, WorldServer  # noqa: E402


class CloudToBe(Cloud):
    """A cloud with certificates for hosts that do not pretend to be there."""

    def prepare(self):
        super().prepare()
        self.hosts = []


class Host:
    def __init__(self, cloud, name='host-1', **settings):
        self.cloud, self.name, self.dir = cloud, name, f'{cloud.dir}/{name}'
        self.world = World()
        self.settings = {
            'controller_url': f'https://127.0.0.1:{cloud.agent_port}', 'ca_file': cloud.dir + '/ca.pem',
            'cert_file': f'{cloud.dir}/{name}.pem', 'key_file': f'{cloud.dir}/{name}-key.pem', 'host_name': name,
            'state_dir': self.dir + '/state', 'run_dir': self.dir + '/run', 'image_dir': cloud.dir + '/data/images',
            'driver': f'fake:{self.dir}/world', **settings}

    def __enter__(self):
        os.makedirs(self.dir)
        self.server = WorldServer(self.dir + '/world', self.world)
        self.server.run()
        conf = self.cloud.write(f'{self.name}.conf', ''.join(f'{k} = {v}\n' for k, v in self.settings.items()))
        self.log = open(self.dir + '/agent.log', 'ab')
        self.process = self.cloud.spawn([f'{BUILD}/src/alamo-agent', '--config', conf], self.log)
        self.cloud.wait(lambda: self.cloud.rows(f"SELECT 1 FROM host WHERE name='{self.name}'"), f'{self.name} is up')
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.server.end()
        self.log.close()
