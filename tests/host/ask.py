"""ask.py SEEN.json GUEST KEY: prints one member of the last report of a guest."""
import json, sys
print(json.load(open(sys.argv[1])).get(sys.argv[2], {}).get(sys.argv[3]))
