"""What systemd makes of a socket unit with Accept=yes: a process for each client.

    accept.py SOCKET USER MAX COMMAND...

Listens at SOCKET, for everybody, and runs COMMAND as USER with each connection as its standard
input and output. While MAX of them run, further clients are let in and shown out again. A line
goes to standard output for each process that starts, "started PID", and that ends,
"ended PID STATUS". SIGTERM ends it and them.
"""

import os
import pwd
import signal
import socket
import sys

path, name, limit, *command = sys.argv[1:]
user = pwd.getpwnam(name)
running = set()


def become_client(client):
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.dup2(client.fileno(), 0)
    os.dup2(client.fileno(), 1)
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.execvpe(command[0], command, dict(os.environ, HOME=user.pw_dir))


def say(*words):
    # Not print(): a signal may come within, and then its handler says something too.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def reap(*_):
    while running:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break  # a signal came within this, and all has been done then
        if pid == 0:
            break
        running.discard(pid)
        say("ended", pid, os.waitstatus_to_exitcode(status))


def end(*_):
    for pid in running:
        os.kill(pid, signal.SIGTERM)
    os._exit(0)


def start(client):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    pid = os.fork()
    if pid == 0:
        become_client(client)
    running.add(pid)
    say("started", pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


door = socket.socket(socket.AF_UNIX)
door.bind(path)
os.chmod(path, 0o666)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGCHLD, reap)
door.listen(512)
while True:
    connection = door.accept()[0]
    if len(running) < int(limit):
        start(connection)
    connection.close()
