"""Asks NATS JetStream: registers, names and a set, as messages of one stream, the last of a subject being what it holds.

As an adapter it answers a line of JSON for each operation; as `ready` and `leads` it says how a node is.
"""
import base64, json, os, socket, sys, urllib.request


class Refused(Exception):
    """The server said that it did nothing."""


class Nats:
    """One connection to one node, in its text protocol."""

    def __init__(self, address, timeout):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.file = self.socket.makefile("rb")
        self.inboxes = 0
        # Each node counts its own processes, so their numbers are not unique.
        self.name = os.urandom(8).hex()
        self.file.readline()  # INFO
        self.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB inbox.%s.* 1\r\n' % self.name.encode())

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, subject, payload, expected=None):
        """Sends a message, and returns what is answered to it."""
        self.inboxes += 1
        inbox = "inbox.%s.%d" % (self.name, self.inboxes)
        if expected is None:
            self.send(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), inbox.encode(), len(payload), payload))
        else:
            header = b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: %d\r\n\r\n" % expected
            sizes = (subject.encode(), inbox.encode(), len(header), len(header) + len(payload))
            self.send(b"HPUB %s %s %d %d\r\n" % sizes + header + payload + b"\r\n")
        while True:
            words = self.file.readline().decode().split()
            if not words:
                raise ConnectionError("the server hung up")
            if words[0] == "PING":
                self.send(b"PONG\r\n")
            if words[0] not in ("MSG", "HMSG"):
                continue
            body = self.file.read(int(words[-1]) + 2)[:-2]
            if words[1] != inbox:
                continue
            if words[0] == "HMSG" and b" 503" in body.split(b"\r\n")[0]:
                raise Refused("nobody serves this here")
            return json.loads(body[int(words[-2]):] if words[0] == "HMSG" else body)

    def stream(self):
        config = {"name": "perjury", "subjects": ["p.>"], "num_replicas": 3, "storage": "file"}
        return self.ask("$JS.API.STREAM.CREATE.perjury", json.dumps(config).encode())

    def last(self, subject):
        """What a subject holds, and its sequence; 0 if it never held anything."""
        answer = self.ask("$JS.API.STREAM.MSG.GET.perjury", json.dumps({"last_by_subj": subject}).encode())
        if answer.get("error", {}).get("code") == 404:
            return None, 0
        if "error" in answer:
            raise Refused(answer["error"].get("description"))
        return int(base64.b64decode(answer["message"]["data"])), answer["message"]["seq"]

    def put(self, subject, value, expected=None):
        """Appends. False if the subject has moved on from `expected`."""
        answer = self.ask(subject, str(value).encode(), expected)
        error = answer.get("error")
        if error and error.get("err_code") == 10071:
            return False
        if error:
            raise OSError(error.get("description"))
        return True


def operation(nats, f, value):
    """The outcome of one operation."""
    done, no = {"type": "ok"}, {"type": "fail", "error": "precondition"}
    if f in ("read", "owner"):
        return {"type": "ok", "value": [value[0], nats.last(subject(f, value))[0]]}
    if f == "write":
        nats.put(subject(f, value), value[1])
        return done
    if f == "cas":
        held, sequence = nats.last(subject(f, value))
        wanted, new = value[1]
        return done if held == wanted and nats.put(subject(f, value), new, sequence) else no
    if f == "claim":
        return done if nats.put(subject(f, value), value[1], 0) or nats.last(subject(f, value))[0] == value[1] else no
    if f == "add":
        nats.put("p.element.%d" % value, 1)
        return done
    if f == "remove":
        answer = nats.ask("$JS.API.STREAM.PURGE.perjury", json.dumps({"filter": "p.element.%d" % value}).encode())
        if "error" in answer:
            raise OSError(answer["error"].get("description"))
        return done
    if f == "members":
        filter = json.dumps({"subjects_filter": "p.element.>"}).encode()
        info = nats.ask("$JS.API.STREAM.INFO.perjury", filter)
        if "error" in info:
            raise Refused(info["error"].get("description"))
        return {"type": "ok", "value": sorted(int(name.split(".")[-1]) for name in info["state"].get("subjects", {}))}
    return {"type": "fail", "error": "this client does not know " + f}


def subject(f, value):
    return "p.%s.%s" % ("name" if f in ("claim", "owner") else "register", value[0])


def main():
    addresses = os.environ["PERJURY_AT_4222"].split(",")
    timeout = int(os.environ["PERJURY_TIMEOUT_MS"]) / 1000
    open_now = {}
    for line in sys.stdin:
        asked = json.loads(line)
        node, reads = asked["node"], asked["f"] in ("read", "owner", "members")
        try:
            if node not in open_now:
                open_now[node] = Nats(addresses[node - 1], timeout)
                open_now[node].stream()
        except (OSError, Refused, ValueError) as error:
            open_now.pop(node, None)
            answer = {"type": "fail", "error": str(error)}
        else:
            try:
                answer = operation(open_now[node], asked["f"], asked["value"])
            except Refused as error:
                answer = {"type": "fail", "error": str(error)}
            except (OSError, ValueError) as error:
                # A reader changes nothing; whatever else was under way may have happened.
                open_now.pop(node, None)
                answer = {"type": "fail" if reads else "info", "error": str(error) or "timed-out"}
        print(json.dumps(answer), flush=True)


def get(address, path):
    return json.load(urllib.request.urlopen("http://%s%s" % (address, path), timeout=1))


if sys.argv[1:2] == ["ready"]:
    sys.exit("error" in Nats(sys.argv[2], 5).stream())
elif sys.argv[1:2] == ["leads"]:
    accounts = get(sys.argv[2], "/jsz?streams=true").get("account_details", [])
    streams = [stream for account in accounts for stream in account.get("stream_detail", [])]
    sys.exit(not any(stream["name"] == "perjury" and stream["cluster"].get("leader") == sys.argv[3] for stream in streams))
else:
    main()
