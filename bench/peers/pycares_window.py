"""Looks up names with pycares, so many of them at a time.

    pycares_window.py PORT WINDOW < NAMES

prints the answers, and the seconds: all, in user space, in the kernel. The class
is for PL/Python as well. Written for pycares 4.
"""

import resource
import select
import sys
import time

import pycares


class Window:
    """A channel, which lives on between calls: one that goes with sockets open aborts the process."""

    def __init__(self, port, size):
        self.size = size
        self.ready = select.epoll()
        self.channel = pycares.Channel(
            servers=["127.0.0.1"], udp_port=port, tcp_port=port, lookups="b",
            flags=pycares.ARES_FLAG_STAYOPEN | pycares.ARES_FLAG_NOSEARCH,
            timeout=2.0, tries=4, socket_receive_buffer_size=4 << 20, sock_state_cb=self.watch)
        self.watched = set()

    def watch(self, fd, readable, writable):
        events = (select.EPOLLIN if readable else 0) | (select.EPOLLOUT if writable else 0)
        if fd in self.watched:
            if events:
                self.ready.modify(fd, events)
            else:
                self.watched.remove(fd)
                self.ready.unregister(fd)
        elif events:
            self.watched.add(fd)
            self.ready.register(fd, events)

    def ask(self, names):
        """Pairs of name and first address, None without one, as the answers come."""
        rows = []
        waiting = iter(names)
        under_way = 0
        exhausted = False

        def keep(name):
            def answered(result, error):
                nonlocal under_way
                under_way -= 1
                rows.append((name, None if error else result[0].host))
            return answered

        while True:
            while under_way < self.size and not exhausted:
                name = next(waiting, None)
                if name is None:
                    exhausted = True
                else:
                    under_way += 1
                    self.channel.query(name, pycares.QUERY_TYPE_A, keep(name))
            if not under_way:
                return rows
            self.wait()

    def wait(self):
        events = self.ready.poll(self.channel.timeout() or 1)
        none = pycares.ARES_SOCKET_BAD
        for fd, event in events:
            self.channel.process_fd(fd if event & ~select.EPOLLOUT else none, fd if event & select.EPOLLOUT else none)
        if not events:
            self.channel.process_fd(none, none)


def main():
    port, size = map(int, sys.argv[1:])
    names = sys.stdin.read().split()
    window = Window(port, size)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    rows = window.ask(names)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    print(sum(address is not None for _, address in rows), seconds,
          after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


if __name__ == "__main__":
    main()
