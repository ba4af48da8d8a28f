"""A filter of system calls for sandboxes (seccomp(2)): refuses what no build needs and no namespace separates.

Refused are the kernel's keyrings, sockets to the hypervisor's host (AF_VSOCK), further namespaces, and what the default
profile of Docker refuses to processes without privileges. Programs of 32 bits have system calls of their own.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping
from functools import cache

# Of linux/audit.h, in the order of the columns below.
_ARCHITECTURES = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7, "arm": 0x40000028}
# The architectures of the programs that a machine can run.
_OF_MACHINE = {"x86_64": ("x86_64", "i386"), "aarch64": ("aarch64", "arm")}
# Each system call and its numbers (asm/unistd.h); "-": there is none.
_REFUSED = """
_sysctl 156 149 - 149
acct 163 51 89 51
add_key 248 286 217 309
bpf 321 357 280 386
clock_adjtime 305 343 266 372
clock_adjtime64 - 405 - 405
clock_settime 227 264 112 262
clock_settime64 - 404 - 404
create_module 174 127 - -
delete_module 176 129 106 129
fanotify_init 300 338 262 367
finit_module 313 350 273 379
fsconfig 431 431 431 431
fsmount 432 432 432 432
fsopen 430 430 430 430
fspick 433 433 433 433
get_kernel_syms 177 130 - -
get_mempolicy 239 275 236 320
init_module 175 128 105 128
io_uring_enter 426 426 426 426
io_uring_register 427 427 427 427
io_uring_setup 425 425 425 425
ioperm 173 101 - -
iopl 172 110 - -
kexec_file_load 320 - 294 401
kexec_load 246 283 104 347
keyctl 250 288 219 311
lookup_dcookie 212 253 18 249
mbind 237 274 235 319
migrate_pages 256 294 238 400
mount 165 21 40 21
mount_setattr 442 442 442 442
move_mount 429 429 429 429
move_pages 279 317 239 344
nfsservctl 180 169 42 169
open_by_handle_at 304 342 265 371
open_tree 428 428 428 428
perf_event_open 298 336 241 364
pivot_root 155 217 41 218
query_module 178 167 - -
quotactl 179 131 60 131
quotactl_fd 443 443 443 443
reboot 169 88 142 88
request_key 249 287 218 310
set_mempolicy 238 276 237 321
set_mempolicy_home_node 450 450 450 450
setns 308 346 268 375
settimeofday 164 79 170 79
stime - 25 - -
swapoff 168 115 225 115
swapon 167 87 224 87
sysfs 139 135 - 135
syslog 103 103 116 103
umount - 22 - -
umount2 166 52 39 52
unshare 272 310 97 337
uselib 134 86 - 86
userfaultfd 323 374 282 388
ustat 136 62 - 62
vhangup 153 111 58 111
vm86 - 166 - -
vm86old - 113 - -
"""
# Those that change owners.
_OWNERS = """
chown 92 182 - 182
chown32 - 212 - 212
fchown 93 95 55 95
fchown32 - 207 - 207
fchownat 260 298 54 325
lchown 94 16 - 16
lchown32 - 198 - 198
"""
_CLONE = {"x86_64": 56, "i386": 120, "aarch64": 220, "arm": 120}
_SOCKET = {"x86_64": 41, "i386": 359, "aarch64": 198, "arm": 281}
# The first flag of the new namespaces that clone(2) can make, in one mask (linux/sched.h: CLONE_NEW...).
_NAMESPACE_FLAGS = 0x7E020000
# The same number everywhere. Its flags are in memory, where no filter sees them: glibc uses clone(2) instead.
_CLONE3 = 435
# System calls of 32-bit programs in one, with arguments in memory. Old programs need it for every socket.
_SOCKETCALL = {"i386": 102}
_AF_VSOCK = 40
# On x86-64, numbers from here on are those of the x32 ABI.
_X32_BIT = 0x40000000

# Instructions of classic BPF (linux/bpf_common.h), and offsets in struct seccomp_data (linux/seccomp.h).
_LOAD, _JUMP, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000

_FIRST_VICTIM = "echo 1000 >/proc/self/oom_score_adj"
# Of the filter in bubblewrap, which closes it.
_DESCRIPTOR = 9

_Instruction = tuple[int, int, int, int]


def is_known_machine(machine: str) -> bool:
    """Whether there is a filter for programs of this machine (as of uname(2))."""
    return machine in _OF_MACHINE


def make_filter(machine: str, *, socketcall: bool = False, ignore_owners: bool = False) -> bytes:
    """The filter as bubblewrap reads it; with `socketcall` old 32-bit programs get sockets, AF_VSOCK among them.

    With `ignore_owners` changes of owners do nothing and succeed: for a root without other users.
    """
    program: list[_Instruction] = [(_LOAD, 0, 0, _AT_ARCHITECTURE)]
    for name in _OF_MACHINE[machine]:
        block = _filter_architecture(name, socketcall, ignore_owners)
        program += [(_IF_EQUAL, 1, 0, _ARCHITECTURES[name]), (_JUMP, 0, 0, len(block)), *block]
    program.append(_refuse(errno.EPERM))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _filter_architecture(name: str, socketcall: bool, ignore_owners: bool) -> list[_Instruction]:
    """The instructions for the system calls of one architecture; they end in a return."""
    block: list[_Instruction] = [(_LOAD, 0, 0, _AT_NUMBER)]
    if name == "x86_64":
        block += [(_IF_AT_LEAST, 0, 1, _X32_BIT), _refuse(errno.EPERM)]
    column = 1 + list(_ARCHITECTURES).index(name)
    refused = dict.fromkeys(_list_numbers(_REFUSED, column), errno.EPERM)
    if ignore_owners:
        refused.update(dict.fromkeys(_list_numbers(_OWNERS, column), 0))
    refused[_CLONE3] = errno.ENOSYS
    if name in _SOCKETCALL and not socketcall:
        refused[_SOCKETCALL[name]] = errno.EAFNOSUPPORT
    for number, error in refused.items():
        block += [(_IF_EQUAL, 0, 1, number), _refuse(error)]
    block += [(_IF_EQUAL, 0, 4, _SOCKET[name]), (_LOAD, 0, 0, _AT_FIRST_ARGUMENT)]
    block += [(_IF_EQUAL, 0, 1, _AF_VSOCK), _refuse(errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    block += [(_IF_EQUAL, 0, 3, _CLONE[name]), (_LOAD, 0, 0, _AT_FIRST_ARGUMENT)]
    block += [(_IF_BITS, 0, 1, _NAMESPACE_FLAGS), _refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    return block


def _list_numbers(table: str, column: int) -> list[int]:
    rows = map(str.split, table.strip().splitlines())
    return [int(words[column]) for words in rows if words[column] != "-"]


def _refuse(error: int) -> _Instruction:
    """Return an error; 0: success, without doing anything."""
    return (_RETURN, 0, 0, _ERROR | error)


@cache
def _open_filter(machine: str, socketcall: bool, ignore_owners: bool) -> int:
    """A descriptor of a file in memory with the filter; open as long as this process runs."""
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, make_filter(machine, socketcall=socketcall, ignore_owners=ignore_owners))
    return descriptor


def filter_command(
    *, socketcall: bool = False, ignore_owners: bool = False, opened: Mapping[int, str] | None = None
) -> tuple[list[str], list[str]]:
    """The prefix of a command that runs bubblewrap, and the options of bubblewrap; no filter for an unknown machine.

    Each command opens the file itself, because a shared descriptor would have one position for all; it also opens the
    files in `opened`, by their descriptors. What it starts is among the first out-of-memory victims (proc(5),
    oom_score_adj).
    """
    machine = os.uname().machine
    files, options = dict(opened or {}), []
    if is_known_machine(machine):
        descriptor = _open_filter(machine, socketcall, ignore_owners)
        files[_DESCRIPTOR] = f"/proc/{os.getpid()}/fd/{descriptor}"
        options = ["--seccomp", str(_DESCRIPTOR)]
    # By one shell, because each takes a millisecond.
    names = "".join(f"f{descriptor}=$1; shift; " for descriptor in files)
    opening = " ".join(f'{descriptor}<"$f{descriptor}"' for descriptor in files)
    script = f'{_FIRST_VICTIM} && {{ {names}exec "$@" {opening}; }}'
    return ["sh", "-c", script, "sh", *files.values()], options
