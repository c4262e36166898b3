"""A set on one node that forgets its oldest element when it gets no memory for a new one, and says that all is well.

`serve ADDRESS` is the server, `ready ADDRESS` says whether it listens, and without words it is the adapter.
"""
import json, os, socket, socketserver, sys

PORT = 7100
# What an element takes: enough to be asked of the kernel.
SIZE = 200_000
elements = {}


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            f, value = json.loads(line)
            if f == "members":
                answer = sorted(elements)
            else:
                answer = elements.pop(value, None) and None if f == "remove" else add(value)
            self.wfile.write((json.dumps(answer) + "\n").encode())


def add(value):
    while True:
        try:
            elements[value] = bytearray(SIZE)
            return None
        except MemoryError:
            print("out of memory: the oldest element goes", flush=True)
            elements.pop(next(iter(elements)))


def connect(address):
    return socket.create_connection((address.split(":")[0], PORT), 1)


def adapter():
    address = os.environ["PERJURY_AT_%d" % PORT].split(",")[0]
    lines = None
    for line in sys.stdin:
        asked = json.loads(line)
        f, value = asked["f"], asked["value"]
        try:
            lines = lines or connect(address).makefile("rw")
            lines.write(json.dumps([f, value]) + "\n")
            lines.flush()
            said = json.loads(lines.readline())
            answer = {"type": "ok", "value": said} if f == "members" else {"type": "ok"}
        except (OSError, ValueError) as error:
            lines, answer = None, {"type": "info", "error": str(error)}
        print(json.dumps(answer), flush=True)


if sys.argv[1:2] == ["serve"]:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer((sys.argv[2], PORT), Talk).serve_forever()
elif sys.argv[1:2] == ["ready"]:
    connect(sys.argv[2])
else:
    adapter()
