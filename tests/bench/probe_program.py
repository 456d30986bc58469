"""Runs inside the measured terminal: writes like a log, a monitor or a flood, and answers keys on its first row.

`probe_program.py MODE`: idle, log (100 lines a second), htop (a monitor's redraw, 10 a second), redraw (60 a second),
flood5 (5 MB/s), flood. A key K is answered by K at row 1; ctrl+c ends it. Only the standard library, any Python 3.8+.
"""

import os
import random
import select
import sys
import termios
import time
import tty

OUT = 1


def write(text):
    data = text.encode()
    while data:
        data = data[os.write(OUT, data) :]


def answer():
    data = os.read(0, 64)
    if b"\x03" in data:
        return False
    write("\x1b7\x1b[1;1H{}\x1b8".format(data.decode("utf-8", "replace")[-1:]))
    return True


def wait(seconds):
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if select.select([0], [], [], max(left, 0))[0]:
            if not answer():
                return False
        elif left <= 0:
            return True


def log(number, rng):
    words = "0 " * rng.randint(8, 24)
    return f"12:30:{number % 60:02d}.{number % 1000:03d} [{number:06d}] 0123456789 {words}\r\n"


def monitor(rng, rows, columns):
    out = []
    for row in range(3, rows):
        out.append(f"\x1b[{row};1H\x1b[32m{1000 + row:7d} \x1b[39m0  20   0 ")
        out.append(f"{9000 + row:5d}  7000  \x1b[1m{rng.random() * 20:4.1f}\x1b[0m  0:{row:02d}.00 /0/1/2\x1b[K")
    return "".join(out)


def moving(rng, rows, columns, count):
    """A full-screen program that draws a few changing cells in each row, in colour."""
    out = ["\x1b[?2026h"]
    for row in range(3, rows):
        at = (count + row * 7) % (columns - 8) + 1
        out.append(f"\x1b[{row};{at}H\x1b[48;5;{17 + (row + count) % 200}m0123\x1b[0m    ")
    out.append("\x1b[?2026l")
    return "".join(out)


def main(mode):
    rng = random.Random(1)
    size = os.get_terminal_size(OUT)
    write(f"\x1b[2J\x1b[2;{size.lines}r\x1b[2;1H")
    write("READY\r\n")
    count = 0
    began = time.monotonic()
    sent = 0
    block = "".join(log(n, rng) for n in range(100))
    while True:
        count += 1
        if mode == "idle":
            going = wait(1)
        elif mode == "log":
            write(log(count, rng))
            going = wait(max(0.0, began + count / 100 - time.monotonic()))
        elif mode == "htop":
            write(monitor(rng, size.lines, size.columns))
            going = wait(max(0.0, began + count / 10 - time.monotonic()))
        elif mode == "redraw":
            write(moving(rng, size.lines, size.columns, count))
            going = wait(max(0.0, began + count / 60 - time.monotonic()))
        else:
            write(block)
            sent += len(block)
            going = wait(max(0.0, began + sent / 5e6 - time.monotonic()) if mode == "flood5" else 0.0)
        if not going:
            break
    write("\x1b[r\x1b[?25h\x1b[2J\x1b[H")


if __name__ == "__main__":
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        main(sys.argv[1])
    finally:
        termios.tcsetattr(0, termios.TCSANOW, saved)
