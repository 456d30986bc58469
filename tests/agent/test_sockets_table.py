"""Listening sockets and who holds them."""

from __future__ import annotations

import os
import socket

from hopx_tui.agent.sockets_table import Listener, listeners, owners, parse_address, parse_table

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000 100 0 0 10 0
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000 100 0 0 10 0
   2: nonsense:xx
   3: 01:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12347 1 0000 100 0 0 10 0
"""


def test_the_table():
    assert parse_table(TABLE, socket.AF_INET) == [Listener(8080, "127.0.0.1", 12345)]
    assert parse_table("", socket.AF_INET) == []
    assert parse_address("00000000000000000000000001000000", socket.AF_INET6) == "::1"


def test_our_own():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_INET6) as two:
        two.bind(("::1", 0))
        two.listen()
        found = {(each.address, each.port): each.inode for each in listeners()}
        keys = ("127.0.0.1", one.getsockname()[1]), ("::1", two.getsockname()[1])
        inodes = {found[key] for key in keys}
        assert owners([1 << 30, os.getpid()], inodes) == dict.fromkeys(inodes, os.getpid())
        assert owners([os.getpid()], set()) == {}
