"""A forwarder in the design of `pipe tunnel`, rebuilt from its description: one thread, select, 4 KiB at a time, blocking
sends, a nap of 0.1 ms in each turn, dials in the loop, and an end that cuts both ways. usage: LOCAL-PORT REMOTE-PORT"""
import select
import socket
import sys
import time

CHUNK_BYTES = 4096
NAP_SECONDS = 0.0001

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(64)
peers = {}


def drop(one):
    other = peers.pop(one)
    peers.pop(other, None)
    one.close()
    other.close()


while True:
    time.sleep(NAP_SECONDS)
    for ready in select.select([listener, *peers], [], [])[0]:
        if ready is listener:
            local, _ = listener.accept()
            remote = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            peers[local], peers[remote] = remote, local
        elif ready in peers:
            try:
                chunk = ready.recv(CHUNK_BYTES)
                peers[ready].sendall(chunk)
            except OSError:
                chunk = b""
            if not chunk:
                drop(ready)
