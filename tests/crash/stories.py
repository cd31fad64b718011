"""What is done to a cloud while its daemons die, and what must hold in the end."""
import base64
import os

from life import Failure

COMPUTE, NETWORK, IMAGE = '/compute/v2.1/servers', '/network/v2.0', '/image/v2/images'

# ---- the server ----


def state(life, server):
    """(vm_state, task_state, deadline) of a server, or None."""
    rows = life.rows('SELECT vm_state, task_state, deadline_us, fault_message FROM server WHERE id=?', server)
    return rows[0] if rows else None


def until(life, server, wanted):
    """Waits until a server is settled in the state 'wanted'; ERROR is told with its reason."""
    def settled():
        s = state(life, server)
        if not s:
            raise Failure(f'the server is gone while {wanted} was awaited')
        return s[1] is None and s[2] == 0 and s[0] in (wanted, 'error')

    life.wait(settled, f'the server is {wanted}')
    found = state(life, server)
    if found[0] != wanted:
        raise Failure(f'the server is {found[0]}: {found[3]}')


def build(life):
    """A server with a port of ours, one of its own, and a floating address."""
    private = life.template.private
    port = life.make(f'{NETWORK}/ports', 'port', {'network_id': private, 'name': 'ours'}, 'name=ours')
    floating = life.make(f'{NETWORK}/floatingips', 'floatingip',
                         {'floating_network_id': life.template.public, 'port_id': port}, f'port_id={port}')
    server = life.make(COMPUTE, 'server', {
        'name': 'one', 'imageRef': life.template.image, 'flavorRef': life.template.flavor, 'key_name': 'key',
        'user_data': base64.b64encode(b'#!/bin/sh\n').decode(), 'config_drive': True,
        'networks': [{'port': port}, {'uuid': private}]}, 'name=one')
    until(life, server, 'active')
    life.wait(lambda: life.rows('SELECT status FROM floating_ip') == [('ACTIVE',)], 'the floating address is ACTIVE')
    guest = life.world.guests.get(server)
    if not guest or guest['power'] != 'on' or len(guest['taps']) != 2 or f'floating:{floating}' not in life.world.network:
        raise Failure(f'the server is active, but its guest is {guest}')
    return server, port, floating


def tear_down(life, server, port, floating):
    path = f'{COMPUTE}/{server}'

    def deleting():
        answer = life.get(path)
        return answer.status == 404 or answer.json['server']['OS-EXT-STS:task_state'] == 'deleting'

    life.remove(path, deleting)
    life.wait(lambda: state(life, server) is None, 'the server is gone')
    life.promises[path] = False
    life.keep_promises()
    life.remove_now(f'{NETWORK}/floatingips/{floating}')
    life.remove_now(f'{NETWORK}/ports/{port}')


def create_and_delete(life):
    tear_down(life, *build(life))


# ---- the middle of a server's life ----


def change(life, server, action, wanted, asked):
    """An action; asked(): the row shows that it was accepted."""
    life.do(server, action, lambda: True if asked() else None)
    until(life, server, wanted)


def row(life, server, column):
    return life.rows(f'SELECT {column} FROM server WHERE id=?', server)[0][0]


def snapshot(life, server):
    def find():
        found = life.get(f'{IMAGE}?name=shot').json['images']
        return found[0] if found else None

    life.do(server, {'createImage': {'name': 'shot'}}, find)
    life.wait(lambda: not life.rows('SELECT id FROM server_task'), 'the snapshot has ended')
    images = life.rows("SELECT id, status FROM image WHERE name='shot'")
    if len(images) != 1 or images[0][1] != 'active':
        raise Failure(f'the snapshot: {images}')
    until(life, server, 'active')
    return images[0][0]


def rebuild(life, server):
    """New disks of another image, as often as it dies over it: never those of the old one, never a mixture."""
    change(life, server, {'rebuild': {'imageRef': life.template.other}}, 'active', lambda: row(life, server, 'disk_n') == 1)
    disk = life.world.disks.get(server)
    if disk != life.template.other:
        raise Failure(f'the server was rebuilt, its disk is of {disk}')
    if row(life, server, 'image_id') != disk or life.world.guests[server]['power'] != 'on':
        raise Failure('the server was rebuilt, and does not run of it')


def resize(life, server):
    """A larger disk and more memory by one restart, then confirmed."""
    change(life, server, {'resize': {'flavorRef': life.template.larger}}, 'resized',
           lambda: row(life, server, 'flavor_id') == life.template.larger)
    if life.world.sizes[server] != 1 or life.world.guests[server]['power'] != 'on':
        raise Failure('the server was resized, its disk or its guest is not')
    life.do(server, {'confirmResize': None}, lambda: True if row(life, server, 'vm_state') == 'active' else None)
    until(life, server, 'active')


def change_and_delete(life):
    server, port, floating = build(life)
    change(life, server, {'reboot': {'type': 'HARD'}}, 'active', lambda: row(life, server, 'boot_n') == 1)
    image = snapshot(life, server)
    rebuild(life, server)
    resize(life, server)
    change(life, server, {'os-stop': None}, 'stopped', lambda: row(life, server, 'want_power') == 'off')
    if life.world.guests[server]['power'] != 'off':
        raise Failure('the server is stopped, its guest is not')
    change(life, server, {'os-start': None}, 'active', lambda: row(life, server, 'want_power') == 'on')
    life.remove_now(f'{IMAGE}/{image}')
    tear_down(life, server, port, floating)


# name -> (what is done, how often its guest is started)
STORIES = {'create': (create_and_delete, 1), 'change': (change_and_delete, 5)}

# ---- what must hold ----

# Tables and columns in which a cloud that has had a server differs from one that has not, and why.
HISTORY = {'server_action', 'server_event', 'server_past', 'image_gone'}
VOLATILE = {'host': {'uptime', 'last_seen_us', 'updated_at', 'running', 'ram_seen_mib', 'disk_seen_gib'},
            'allocation_pool': {'next_slot'}}  # addresses are given out round and round


def dump(rows):
    """All rows of a store without what may differ; rows(sql) reads them."""
    out = {}
    for (table,) in rows("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'"):
        if table in HISTORY:
            continue
        columns = [c for (c,) in rows(f"SELECT name FROM pragma_table_info('{table}')") if c not in VOLATILE.get(table, ())]
        out[table] = sorted(map(repr, rows(f'SELECT {", ".join(columns)} FROM {table}')))
    out['quota_use'] = [r for r in out['quota_use'] if not r.endswith(', 0)')]  # a counter at 0 is one never made
    return out


def differences(before, after):
    for table, rows in after.items():
        for r in rows:
            if r not in before[table]:
                yield f'row left in {table}: {r[:300]}'
        for r in before[table]:
            if r not in rows:
                yield f'row lost of {table}: {r[:300]}'


def history_faults(life):
    yield from (f'an action never ended: {r}' for r in life.rows('SELECT action, request_id FROM server_action WHERE open=1'))
    yield from (f'an event never ended: {r}' for r in life.rows('SELECT event FROM server_event WHERE finish_at=0'))
    past = life.rows('SELECT count(*) FROM server_past')[0][0]
    if past != 1:
        yield f'{past} servers in the past'


def files(life):
    return {os.path.relpath(os.path.join(d, name), life.dir) for top in ('data', 'state')
            for d, _, names in os.walk(f'{life.dir}/{top}') for name in names if not name.startswith('alamo.db')}


def to_be_swept(life):
    """Files of deleted images: the store knows that they are still there, and removes them once a minute."""
    return {f'data/images/{r[0]}' for r in life.rows('SELECT id FROM image_gone WHERE swept=0')}


def stray_files(life):
    """Files that are left, or missing."""
    return (files(life) - to_be_swept(life)) ^ life.template.files


def quiet(life):
    """Nothing of the server is left on the host or beside the store, and its agent has told so."""
    busy = life.points('agent')[-1].startswith('before') or life.dying()
    return not busy and not life.world.left() and not stray_files(life)


def faults(life, starts):
    """What is not as it should be after a story; both daemons are dead by now."""
    yield from (f'unlawful: {w}' for w in life.world.wrong)
    if life.world.starts != starts:
        yield f'{life.world.starts} starts of the guest, not {starts}'
    yield from (f'left in the world: {x}' for x in life.world.left())
    for name in sorted(stray_files(life)):
        yield f'file {"lost" if name in life.template.files else "left"}: {name}'
    yield from differences(life.template.rows, dump(life.rows))
    yield from history_faults(life)
    if life.rows('PRAGMA integrity_check') != [('ok',)] or life.rows('PRAGMA foreign_key_check'):
        yield 'the store is damaged'


def tell(life, story):
    act, starts = STORIES[story]
    life.start_all()
    act(life)
    try:
        life.wait(lambda: quiet(life), 'host and store are tidied up')
    except Failure:
        pass  # faults() says what is left
    life.end()
    return list(faults(life, starts))
