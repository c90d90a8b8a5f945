"""Let the server run a command, and end as it does: python -IS client.py SOCKET PROGRAM ARGUMENT..."""

import marshal  # unlike JSON, it needs no other modules
import os
import signal
import socket
import sys

path, *command = sys.argv[1:]
if command[1:2] == ["-u"] and command[2:3] in (["-c"], ["-m"]):  # as torchrun starts its processes
    del command[1]
if command[0] == "python" and command[1:2] not in (["-c"], ["-m"]):
    os.execv(sys.executable, command)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])  # until the child is known
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
socket.send_fds(connection, [b" "], [0, 1, 2, os.open(".", os.O_RDONLY)])
connection.sendall(marshal.dumps([command, dict(os.environ)]))
answer = connection.makefile()
child = int(answer.readline())
with open(f"{path}.{os.getpid()}", "w") as file:  # noqa: PTH123  # pathlib takes longer to import
    file.write(str(child))
signal.signal(signal.SIGINT, lambda number, _: os.kill(child, number))
signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
status = int(answer.readline() or sys.exit(1))  # if the server has ended
os.unlink(f"{path}.{os.getpid()}")  # noqa: PTH108
if os.WIFSIGNALED(status):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), os.WTERMSIG(status))
sys.exit(os.WEXITSTATUS(status))
