#!/usr/bin/env python3
"""A node for every protocol: the first node keeps everything, the others pass on to it what they are asked.

    node.py [local]

With `local`, each node keeps what it was told itself, and tells nobody: wrong, and schism shows why.
"""

import json
import sys


class Store:
    """What a node keeps, and how it answers."""

    def __init__(self):
        self.set = []
        self.counter = 0
        self.ids = 0
        self.values = {}
        self.logs = {}
        self.committed = {}

    def answer(self, me, body):
        """The answer to a request, without `in_reply_to`."""
        kind = body["type"]
        if kind == "echo":
            return {"type": "echo_ok", "echo": body["echo"]}
        if kind == "generate":
            self.ids += 1
            return {"type": "generate_ok", "id": self.ids}
        if kind == "topology":
            return {"type": "topology_ok"}
        if kind == "broadcast":
            self.set.append(body["message"])
            return {"type": "broadcast_ok"}
        if kind == "add" and "element" in body:
            self.set.append(body["element"])
            return {"type": "add_ok"}
        if kind == "add":
            self.counter += body["delta"]
            return {"type": "add_ok"}
        if kind == "read" and "key" in body:
            if str(body["key"]) not in self.values:
                return error(20, "there is no such key")
            return {"type": "read_ok", "value": self.values[str(body["key"])]}
        if kind == "read":
            # Whoever has been told elements reads those, else the counter: a node serves one workload.
            return {"type": "read_ok", "messages": self.set, "value": self.set or self.counter}
        if kind == "write":
            self.values[str(body["key"])] = body["value"]
            return {"type": "write_ok"}
        if kind == "cas":
            key = str(body["key"])
            if key not in self.values:
                return error(20, "there is no such key")
            if self.values[key] != body["from"]:
                return error(22, f"it holds {self.values[key]}, not {body['from']}")
            self.values[key] = body["to"]
            return {"type": "cas_ok"}
        if kind == "txn":
            return {"type": "txn_ok", "txn": [self.step(*step) for step in body["txn"]]}
        if kind == "send":
            log = self.logs.setdefault(body["key"], [])
            log.append(body["msg"])
            return {"type": "send_ok", "offset": len(log) - 1}
        if kind == "poll":
            return {"type": "poll_ok", "msgs": {key: self.after(key, offset) for key, offset in body["offsets"].items()}}
        if kind == "commit_offsets":
            self.committed.update(body["offsets"])
            return {"type": "commit_offsets_ok"}
        if kind == "list_committed_offsets":
            return {"type": "list_committed_offsets_ok",
                    "offsets": {key: self.committed[key] for key in body["keys"] if key in self.committed}}
        return error(10, f"no request of the type {kind}")

    def step(self, f, key, value):
        """One step of a transaction, with what it read."""
        if f == "r":
            value = self.values.get(str(key))
        elif f == "append":
            self.values[str(key)] = self.values.get(str(key), []) + [value]
        else:
            self.values[str(key)] = value
        return [f, key, value]

    def after(self, key, offset):
        """The messages of a log from an offset on."""
        return [[at, message] for at, message in enumerate(self.logs.get(key, [])) if at >= offset]


def error(code, text):
    return {"type": "error", "code": code, "text": text}


def main():
    local = "local" in sys.argv[1:]
    store, me, first, asked, numbers = Store(), None, None, {}, 0
    for line in sys.stdin:
        message = json.loads(line)
        src, body = message["src"], message["body"]

        def send(dest, body):
            print(json.dumps({"src": me, "dest": dest, "body": body}), flush=True)

        if body["type"] == "init":
            me, first = body["node_id"], body["node_ids"][0]
            send(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
        elif body.get("in_reply_to") in asked:
            # The first node's answer to what a client asked of this one.
            client, number = asked.pop(body["in_reply_to"])
            send(client, {**body, "in_reply_to": number})
        elif local or me == first:
            answer = store.answer(me, body)
            send(src, {**answer, "in_reply_to": body["msg_id"]})
        else:
            numbers += 1
            asked[numbers] = (src, body["msg_id"])
            send(first, {**body, "msg_id": numbers})


if __name__ == "__main__":
    main()
