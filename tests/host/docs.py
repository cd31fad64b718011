"""docs.py DIR COMMAND...: writes the documents of a small cloud for controller.py.

  network [KEY=JSON...]          the flat network 10.0.0.0/24 with guests' leases
  group NAME RULE...             a security group; RULE is PROTOCOL:MIN-MAX, "any", "group" or "icmp"
  guest N [KEY=JSON...]          guest number N on the flat network, address 10.0.0.(10+N)
  floating N ADDRESS             a floating address for guest N
  remove KIND ID"""
import glob, json, os, sys

DIR = sys.argv[1] + "/docs"
NET = "11111111-0000-4000-8000-000000000001"
SUBNET = "11111111-0000-4000-8000-000000000002"


def guest_id(n): return "aaaaaaaa-0000-4000-8000-%012d" % n
def port_id(n): return "bbbbbb%02d-0000-4000-8000-%012d" % (n, n)
def group_id(name): return "cccccccc-0000-4000-8000-%012d" % sum(name.encode())
def image_id(n): return "dddddddd-0000-4000-8000-%012d" % n
def floating_id(n): return "eeeeeeee-0000-4000-8000-%012d" % n
def ip(n): return "10.0.0.%d" % (10 + n)
def mac(n): return "fa:16:3e:00:00:%02x" % n


def write(kind, value):
    path = "%s/%s.%s.json" % (DIR, kind, value["id"])
    with open(path + ".tmp", "w") as f:
        json.dump(value, f)
    os.rename(path + ".tmp", path)


def read(kind, id):
    with open("%s/%s.%s.json" % (DIR, kind, id)) as f:
        return json.load(f)


def changes(words):
    return {k: json.loads(v) for k, v in (w.split("=", 1) for w in words)}


def guests():
    return [json.load(open(p)) for p in glob.glob(DIR + "/guest.*.json")]


def network(words):
    leases = [{"mac": p["mac"], "ip": p["ips"][0], "hostname": g["metadata"]["hostname"], "port_id": p["id"]}
              for g in guests() for p in g["ports"] if p["network_id"] == NET]
    subnet = {"id": SUBNET, "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "ip_version": 4, "dhcp": True,
              "dhcp_ip": "10.0.0.1", "dns": [], "routes": [], "leases": leases, "gateway_here": True}
    write("network", dict({"id": NET, "flat": True, "isolated": False, "mtu": 1450, "domain": "novalocal",
                           "subnets": [subnet]}, **changes(words)))


def rule(word):
    if word == "any":
        return {"direction": "egress", "ethertype": "IPv4", "port_min": -1, "port_max": -1}
    r = {"direction": "ingress", "ethertype": "IPv4", "port_min": -1, "port_max": -1}
    if word.startswith("group="):
        return dict(r, remote_group=group_id(word[6:]))
    protocol, _, ports = word.partition(":")
    if ports:
        low, _, high = ports.partition("-")
        r.update(port_min=int(low), port_max=int(high or low))
    return dict(r, protocol=protocol)


def group(name, rules):
    id = group_id(name)
    members = [i for g in guests() for p in g["ports"] if id in p["groups"] for i in p["ips"]]
    write("group", {"id": id, "stateful": True, "rules": [rule(r) for r in rules], "members": members})


def guest(n, words):
    image = {"id": image_id(1), "format": "raw", "size_bytes": 0}
    value = {"id": guest_id(n), "gen": 1, "power": "on", "stop_hard": False, "boot_n": 0, "boot_hard": False,
             "place_epoch": 1, "vcpus": 1, "ram_mib": 192, "root_gib": 0, "ephemeral_gib": 0, "swap_mib": 0,
             "image": image, "kernel": {"id": image_id(2), "format": "raw"},
             "ramdisk": {"id": image_id(3), "format": "raw"}, "kernel_args": None, "config_drive": False,
             "ports": [{"id": port_id(n), "mark": 100 + n, "mac": mac(n), "network_id": NET, "ips": [ip(n)],
                        "groups": [group_id("default")], "secured": True, "pairs": []}],
             "tasks": [], "deadline_us": 0,
             "metadata": {"hostname": "vm%d" % n, "name": "vm %d" % n, "availability_zone": "nova",
                          "instance_type": "m1.micro", "reservation_id": "r-1", "ami_id": "ami-1", "launch_index": 0,
                          "meta": {"role": "test"}, "keys": {"k": os.environ.get("KEY", "ssh-ed25519 AAAA test")},
                          "user_data": os.environ.get("USER_DATA"), "login_user": "demo", "public_ipv4": None,
                          "group_names": ["default"], "project_id": "p"}}
    old = "%s/guest.%s.json" % (DIR, value["id"])
    if os.path.exists(old):
        value = json.load(open(old))
        value["gen"] += 1
    value.update(changes(words))
    write("guest", value)


def floating(n, address):
    write("floating", {"id": floating_id(n), "floating_ip": address, "fixed_ip": ip(n), "port_id": port_id(n)})


command, words = sys.argv[2], sys.argv[3:]
if command == "network":
    network(words)
elif command == "group":
    group(words[0], words[1:])
elif command == "guest":
    guest(int(words[0]), words[1:])
elif command == "floating":
    floating(int(words[0]), words[1])
elif command == "remove":
    os.unlink("%s/%s.%s.json" % (DIR, words[0], words[1]))
else:
    sys.exit(__doc__)
