"""terminal.py: runs a command at a terminal of its own, and answers its question.

    terminal.py INPUT DO COMMAND [ARGUMENT...]

The command's standard input is the file INPUT. When it has written something that ends in ": ",
DO happens: `type:TEXT` types TEXT (with \\n, \\xNN), `signal:N` sends signal N. It prints

    echo: off           whether the terminal echoed while it asked
    then: on            and afterwards
    exit: N             its status, or -SIGNAL ("never" where it had to be killed)
    said: ...           all that was to be seen on the terminal, as Python shows bytes"""

import os
import pty
import select
import signal
import sys
import termios
import time

source, act, *command = sys.argv[1:]
terminal, slave = pty.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    os.dup2(os.open(os.ttyname(slave), os.O_RDWR), 2)
    os.dup2(2, 1)
    os.dup2(os.open(source, os.O_RDONLY), 0)
    os.closerange(3, 256)
    os.execvp(command[0], command)


def echo():
    return "on" if termios.tcgetattr(slave)[3] & termios.ECHO else "off"


def look(seconds):
    """What the terminal shows within that time."""
    if select.select([terminal], [], [], seconds)[0]:
        return os.read(terminal, 4096)
    return b""


said, asked, status = b"", False, 0
limit = time.monotonic() + 60
while time.monotonic() < limit:
    said += look(0.02)
    if not asked and said.endswith(b": "):
        asked = True
        print("echo:", echo())
        what, value = act.split(":", 1)
        if what == "type":
            os.write(terminal, value.encode().decode("unicode_escape").encode("latin-1"))
        else:
            os.kill(child, int(value))
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
said += look(0.1)
print("then:", echo())
if not ended:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("exit:", os.waitstatus_to_exitcode(status) if ended else "never")
print("said:", said)
