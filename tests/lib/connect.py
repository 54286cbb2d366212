"""connect.py: the two ends of a Unix socket.

    connect.py INPUT REPLIES COMMAND...

Runs COMMAND with an accepted connection as its standard input and output, sends it the bytes of
INPUT and writes what it answers to REPLIES; with CLIENT_UID in the environment as that user. Exits
as COMMAND does.
"""
import os
import socket
import sys

source, target, *command = sys.argv[1:]
name = f'\0smtpsend-test-{os.getpid()}'
listener = socket.socket(socket.AF_UNIX)
listener.bind(name)
listener.listen(1)
server = os.fork()
if not server:
    connection = listener.accept()[0]
    os.dup2(connection.fileno(), 0)
    os.dup2(connection.fileno(), 1)
    connection.close()
    os.execv(command[0], command)
listener.close()
data = open(source, 'rb').read()
replies = open(target, 'wb')
if 'CLIENT_UID' in os.environ:
    os.setuid(int(os.environ['CLIENT_UID']))
client = socket.socket(socket.AF_UNIX)
client.connect(name)
client.sendall(data)
try:
    while piece := client.recv(65536):
        replies.write(piece)
except ConnectionResetError:
    pass  # it left without hearing all that it was told
replies.close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]))
