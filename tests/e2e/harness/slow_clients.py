"""Clients that hold connections and hardly use them, in a process of their own so that they do not slow down who measures.
As a program it takes the server's port and commands on stdin, one per line, each answered by a line when it is done:
  idle N   N connections, each kept alive after one request that was answered
  slow N   N connections that send one byte a second: one third of them the head of a request, the others a body
  check    how many of the connections the server has ended
It goes on until stdin ends."""
import itertools
import pathlib
import resource
import select
import socket
import subprocess
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SLOW_HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: " + b"a" * 4000
SLOW_BODY = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n"
SLOWER_BODY = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fa0\r\n"


class SlowClients:
    """The process, for a test."""

    def __init__(self, port):
        self.process = subprocess.Popen([sys.executable, __file__, str(port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=pathlib.Path(__file__).parent)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class Crowd:
    def __init__(self, port):
        self.port, self.idle, self.slow = port, [], []

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), 20)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def add_idle(self, count):
        for _ in range(count):
            client = self.connect()
            client.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok"):
                block = client.recv(4096)
                if not block:
                    raise OSError(f"ended after {answer!r}")
                answer += block
            client.setblocking(False)
            self.idle.append(client)

    def add_slow(self, count):
        """Each sends its next byte a second after the last one; they take turns all over the second."""
        begun = time.monotonic()
        for number in range(count):
            client = self.connect()
            at_once, rest = ((b"", SLOW_HEAD), (SLOW_BODY, b"a" * 3999), (SLOWER_BODY, b"a" * 3999))[number % 3]
            client.sendall(at_once)
            client.setblocking(False)
            self.slow.append([begun + number / count, client, itertools.cycle(rest)])

    def dribble(self):
        """Sends what is due; seconds until the next byte is."""
        now = time.monotonic()
        for entry in self.slow:
            if entry[0] <= now:
                entry[0] = max(entry[0] + 1, now + 0.9)
                try:
                    entry[1].send(bytes([next(entry[2])]))
                except OSError:
                    pass  # counted by check()
        return 0.02

    def ended(self):
        count = 0
        for client in [*self.idle, *(entry[1] for entry in self.slow)]:
            try:
                client.recv(1, socket.MSG_PEEK)
                count += 1
            except BlockingIOError:
                pass
            except OSError:
                count += 1
        return count


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = Crowd(int(sys.argv[1]))
    commands = select.epoll()
    commands.register(sys.stdin.fileno(), select.EPOLLIN)
    wait = 60
    while True:
        if commands.poll(wait):
            line = sys.stdin.buffer.raw.readline().split()
            if not line:
                return
            if line[0] == b"idle":
                crowd.add_idle(int(line[1]))
            elif line[0] == b"slow":
                crowd.add_slow(int(line[1]))
            print(crowd.ended() if line[0] == b"check" else "done", flush=True)
        if crowd.slow:
            wait = crowd.dribble()


if __name__ == "__main__":
    main()
