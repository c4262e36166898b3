#!/usr/bin/env python3
"""A careless client of Redis: registers whose last writer wins, by what the server's own clock on the wall says. Nothing is lost as long as
that clock only goes forward. `perjury run --database redis:mode=single --adapter ./careless.py --workload read-write`"""
import json, os, socket, sys

host, port = os.environ["PERJURY_AT_6379"].split(",")[0].rsplit(":", 1)
timeout = int(os.environ["PERJURY_TIMEOUT_MS"]) / 1000
line = None

WRITE = """local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if tonumber(redis.call('HGET', KEYS[1], 'stamp') or 0) <= now then redis.call('HSET', KEYS[1], 'stamp', now, 'value', ARGV[1]) end
return 'OK'"""


def command(*words):
    global line
    if line is None:
        line = socket.create_connection((host, int(port)), timeout).makefile("rwb")
    words = [str(word).encode() for word in words]
    line.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
    line.flush()
    said = line.readline()
    if said == b"$-1\r\n":
        return None
    if said[:1] == b"$":
        return line.readline()
    raise OSError(said.decode())


def ask(f, value):
    key, rest = value
    if f == "read":
        held = command("HGET", key, "value")
        return {"type": "ok", "value": [key, None if held is None else int(held)]}
    command("EVAL", WRITE, 1, key, rest)
    return {"type": "ok"}


for asked in map(json.loads, sys.stdin):
    try:
        answer = ask(asked["f"], asked["value"])
    except OSError as error:
        line = None
        answer = {"type": "fail" if asked["f"] == "read" else "info", "error": str(error)}
    print(json.dumps(answer), flush=True)
