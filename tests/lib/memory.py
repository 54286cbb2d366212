"""memory.py: where in a process's memory a secret is.

    memory.py PID NEEDLES

NEEDLES is a file of byte strings, one a line, that give the secret away. Prints how many of the
process's mappings have any, and for each its flags (VmFlags of proc(5)), joined by commas, or the
name of what it maps where it has one."""

import re
import sys

pid = sys.argv[1]
with open(sys.argv[2], "rb") as file:
    needles = re.compile(b"|".join(re.escape(line.rstrip(b"\n")) for line in file))
memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
found = []
place = None
with open(f"/proc/{pid}/smaps") as file:
    for line in file:
        mapping = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
        if mapping:
            begin, end = int(mapping[1], 16), int(mapping[2], 16)
            place = mapping[4]
            try:
                memory.seek(begin)
                bytes_there = memory.read(end - begin)
            except (OSError, OverflowError, ValueError):
                bytes_there = b""  # what the kernel maps, or not readable
        elif line.startswith("VmFlags:") and needles.search(bytes_there):
            found.append(place or ",".join(line.split()[1:]))
print(len(found), "copy:" if len(found) == 1 else "copies:", *found)
