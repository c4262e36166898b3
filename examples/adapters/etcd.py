#!/usr/bin/env python3
"""An adapter for etcd: reads and writes registers through its JSON gateway. `perjury run --database etcd --adapter "python3 etcd.py"`"""
import base64, json, os, sys, urllib.error, urllib.request

addresses = os.environ["PERJURY_AT_2379"].split(",")
timeout = int(os.environ["PERJURY_TIMEOUT_MS"]) / 1000


def text(words):
    return base64.b64encode(str(words).encode()).decode()


def post(node, path, body):
    request = urllib.request.Request("http://%s/v3/kv/%s" % (addresses[node - 1], path), json.dumps(body).encode())
    return json.load(urllib.request.urlopen(request, timeout=timeout))


def ask(node, f, value):
    key, rest = value
    if f == "read":
        held = post(node, "range", {"key": text(key)}).get("kvs")
        return {"type": "ok", "value": [key, int(base64.b64decode(held[0]["value"])) if held else None]}
    if f == "write":
        post(node, "put", {"key": text(key), "value": text(rest)})
        return {"type": "ok"}
    return {"type": "fail", "error": "this adapter does not know " + f}


for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = ask(asked["node"], asked["f"], asked["value"])
    except (OSError, ValueError) as error:
        # Nobody knows whether a write has happened. A read changes nothing, so it has certainly failed.
        answer = {"type": "fail" if asked["f"] == "read" else "info", "error": str(error)}
    print(json.dumps(answer), flush=True)
