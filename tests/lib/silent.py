"""Clients that don't say what is waited for.

    silent.py SOCKET USER COUNT [LINE...]

As USER: opens COUNT connections to SOCKET, sends the LINEs on each once it has been greeted, and
says "there". Then it waits until the other end has closed them all, and says how many were told
that the time is up (421).
"""

import os
import pwd
import socket
import sys

path, name, count, *lines = sys.argv[1:]
user = pwd.getpwnam(name)
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)

clients = []
for _ in range(int(count)):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    clients.append(client)
said = [client.recv(4096) for client in clients]
for client in clients:
    for line in lines:
        client.sendall(line.encode() + b"\r\n")
print("there", flush=True)
for number, client in enumerate(clients):
    try:
        while more := client.recv(4096):
            said[number] += more
    except ConnectionResetError:
        pass
print(sum(b"\r\n421 " in words for words in said), flush=True)
