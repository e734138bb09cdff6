"""Runs a command on a terminal of its own: on_terminal.py COLUMNS ROWS COMMAND...

Standard input is typed there, standard output is what it shows, and the exit status is the command's (128 and the signal's
number when one ended it). Among what it shows stands, between two zero bytes, `hidden` where the terminal ceases to show what
is typed, and `shown` where it shows it again.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

CHUNK_BYTES = 65536
POLL_SECONDS = 0.01


def main():
    columns, rows, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvp(command[0], command)
    converse(terminal)
    _, status = os.waitpid(child, 0)
    report_echo(terminal, None)
    sys.exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def converse(terminal):
    """Until nobody has the terminal any more."""
    readable = [0, terminal]
    last = None
    while True:
        ready, _, _ = select.select(readable, [], [], POLL_SECONDS)
        last = report_echo(terminal, last)
        if terminal in ready:
            try:
                shown = os.read(terminal, CHUNK_BYTES)
            except OSError:
                return
            if not shown:
                return
            write_all(1, shown)
        if 0 in ready:
            typed = os.read(0, CHUNK_BYTES)
            if typed:
                write_all(terminal, typed)
            else:
                readable.remove(0)


def report_echo(terminal, last):
    echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    if echoes != last:
        write_all(1, b"\0shown\0" if echoes else b"\0hidden\0")
    return echoes


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data):]


main()
