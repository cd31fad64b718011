"""The routes of `alamod --dump-api`, and a path of each that means something."""
import json
import re
import subprocess

from cloud import BUILD


def all_routes():
    """A wrong policy in the table ends alamod with 1, which fails whoever asks."""
    out = subprocess.run([f'{BUILD}/src/alamod', '--dump-api'], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def name_of(route):
    action = f' {route["action"]}' if 'action' in route else ''
    return f'{route["method"]} {route["path"]}{action}'


def fill(path, values):
    """The template with its names replaced; a value for "/servers/{id}" goes before one for "id"."""
    def one(found):
        upto = path[:found.end()]
        for key in sorted(values, key=len, reverse=True):
            if key.startswith('/') and upto.endswith(key):
                return values[key]
        return values[found.group(1)]

    return re.sub(r'\{(\w+)\*?\}', one, path)


def headers_of(route):
    """Asks for a microversion that knows the route."""
    if not route['path'].startswith('/compute'):
        return {}
    return {'OpenStack-API-Version': 'compute ' + (route.get('until') or route.get('since') or 'latest')}


# Values for members whose rows check more than a type.
GOOD = {'url': 'https://192.0.2.1/', 'flavorRef': '1', 'imageRef': '00000000-0000-4000-8000-000000000000', 'networks': 'auto',
        'service_id': '0' * 32, 'cidr': '192.0.2.0/24', 'address': '192.0.2.9', 'type': 'SOFT', 'metadata': {},
        'networkId': '00000000-0000-4000-8000-000000000000', 'parent_group_id': '00000000-0000-4000-8000-000000000000'}


def value_of(name, field):
    """Some value that the row takes."""
    if field.get('one_of'):
        return field['one_of'][0]
    if name in GOOD:
        return GOOD[name]
    return {'string': 'x', 'integer': 1, 'boolean': True, 'time': '2030-01-01T00:00:00Z', 'list': [], 'strings': [],
            'map': {}}.get(field['type'], None)


def in_force(field, route):
    """The field exists in the microversion that headers_of() asks for."""
    def number(text):
        return tuple(int(x) for x in text.split('.'))

    if not route['path'].startswith('/compute'):
        return True
    asked = number(route.get('until') or route.get('since') or '2.999')
    return asked >= number(field.get('since', '0.0')) and asked <= number(field.get('until', '9.999'))


def least_body(route):
    """The required members, wrapped; None when the route takes no body."""
    body = route.get('body')
    if not body:
        return {route['action']: None} if 'action' in route else None
    members = {name: value_of(name, f) for name, f in body.get('fields', {}).items()
               if f.get('required') and not body.get('overlay') and in_force(f, route)}
    return wrapped(route, members)


def wrapped(route, members):
    wrap = route['body'].get('wrap')
    return {wrap: members} if wrap else members
