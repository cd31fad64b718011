"""One object of every kind, all of one project, made over the API."""
import json

from cloud import error_text

NETWORK, COMPUTE, IMAGE, IDENTITY = '/network/v2.0', '/compute/v2.1', '/image/v2', '/identity/v3'


def make(cloud, user):
    """Makes them; returns the values of the path templates' names (routes.fill())."""
    token = cloud.token(user)
    own = cloud.ids[user]

    def post(path, body, status, headers=None, method='POST', by=None):
        answer = cloud.call(method, path, by or token, body, headers)
        if answer.status != status:
            raise RuntimeError(f'{method} {path}: {answer}')
        return answer.json if answer.text else None

    v = {'project_id': own['project'], 'user_id': own['user'], 'project': own['project']}
    v['/networks/{id}'] = post(f'{NETWORK}/networks', {'network': {'name': 'n'}}, 201)['network']['id']
    v['/subnets/{id}'] = post(f'{NETWORK}/subnets', {'subnet': {
        'network_id': v['/networks/{id}'], 'ip_version': 4, 'cidr': '10.77.0.0/24'}}, 201)['subnet']['id']
    v['/ports/{id}'] = post(f'{NETWORK}/ports', {'port': {'network_id': v['/networks/{id}']}}, 201)['port']['id']
    v['/routers/{id}'] = post(f'{NETWORK}/routers', {'router': {'name': 'r'}}, 201)['router']['id']
    group = post(f'{NETWORK}/security-groups', {'security_group': {'name': 'g'}}, 201)['security_group']
    v['/security-groups/{id}'] = v['/os-security-groups/{id}'] = group['id']
    rule = post(f'{NETWORK}/security-group-rules', {'security_group_rule': {
        'security_group_id': group['id'], 'direction': 'ingress'}}, 201)['security_group_rule']
    v['/security-group-rules/{id}'] = v['/os-security-group-rules/{id}'] = rule['id']
    v['/subnetpools/{id}'] = post(f'{NETWORK}/subnetpools', {'subnetpool': {
        'name': 'p', 'prefixes': ['10.88.0.0/16']}}, 201)['subnetpool']['id']
    outside = next(n['id'] for n in cloud.call('GET', f'{NETWORK}/networks?router:external=true', token).json['networks'])
    v['/floatingips/{id}'] = v['/os-floating-ips/{id}'] = post(f'{NETWORK}/floatingips', {'floatingip': {
        'floating_network_id': outside}}, 201)['floatingip']['id']

    image = post(f'{IMAGE}/images', {'name': 'i', 'disk_format': 'raw', 'container_format': 'bare', 'k': 'v'}, 201)
    answer = cloud.call('PUT', f'{IMAGE}/images/{image["id"]}/file', token, b'\0' * 4096,
                        {'Content-Type': 'application/octet-stream'})
    if answer.status != 204:
        raise RuntimeError(f'image: {answer}')
    v['/images/{id}'] = image['id']

    flavor = min(cloud.call('GET', f'{COMPUTE}/flavors/detail', token).json['flavors'], key=lambda f: f['ram'])['id']
    server = post(f'{COMPUTE}/servers', {'server': {
        'name': 's', 'imageRef': image['id'], 'flavorRef': flavor, 'metadata': {'k': 'v'},
        'networks': [{'port': v['/ports/{id}']}]}}, 202)['server']['id']
    v['/servers/{id}'] = server
    cloud.wait(lambda: cloud.rows(f"SELECT vm_state FROM server WHERE id='{server}'") == [('active',)], 'the server is active')
    post(f'{COMPUTE}/servers/{server}/tags/t', None, 201, {'OpenStack-API-Version': 'compute 2.26'}, 'PUT')
    actions = cloud.call('GET', f'{COMPUTE}/servers/{server}/os-instance-actions', token).json['instanceActions']
    v['/os-instance-actions/{request}'] = actions[0]['request_id']
    v['/os-interface/{port}'] = v['/ports/{id}']
    v['/os-server-groups/{id}'] = post(f'{COMPUTE}/os-server-groups', {'server_group': {
        'name': 'sg', 'policies': ['affinity']}}, 200)['server_group']['id']

    credential = post(f'{IDENTITY}/credentials', {'credential': {
        'type': 'cert', 'blob': json.dumps({'a': 1}), 'user_id': own['user']}}, 201)['credential']['id']
    v['credential_id'] = credential
    v['app_cred_id'] = post(f'{IDENTITY}/users/{own["user"]}/application_credentials', {'application_credential': {
        'name': 'a'}}, 201)['application_credential']['id']
    v['access'] = post(f'{IDENTITY}/users/{own["user"]}/credentials/OS-EC2', {'tenant_id': own['project']},
                       201)['credential']['access']
    v.update({'key': 'k', 'tag': 't', 'network': 'n', 'member': own['project']})
    return v


__all__ = ['make', 'error_text']
