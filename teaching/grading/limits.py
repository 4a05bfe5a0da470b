"""What a process that runs an unknown answer may do. Linux enforces it, once and for good.

Landlock keeps it from files, seccomp from other processes and the network; memory and disk have their limits.
"""

import contextlib
import ctypes
import os
import platform
import resource
import struct

SECONDS = 60  # of computing, for one answer, without loading Keras
PATIENCE = 300  # seconds by the clock, in case it sleeps
MEMORY = 5 * 2**30  # of addresses; TensorFlow takes 2.3 GB of these before an answer runs
DISK = 50 * 2**20  # of files and of output, together

LANDLOCK = 3  # the first version that keeps a process from emptying files: Linux 6.2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READ_FILE, READ_DIR, WRITE_FILE, IOCTL = 1 << 2, 1 << 3, 1 << 1, 1 << 15
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights each version knows of
SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/proc/self", "/proc/cpuinfo",
    "/proc/meminfo", "/sys/devices/system", "/dev/null", "/dev/urandom",
)  # fmt: skip

# System calls of x86-64 that Landlock does not cover, or not in all its versions.
DENIED = (
    29,  # shmget: memory that no limit counts
    41,  # socket
    57, 58,  # fork, vfork
    62, 129, 200, 297, 424,  # kill, rt_sigqueueinfo, tkill, rt_tgsigqueueinfo, pidfd_send_signal
    90, 91, 92, 93, 94, 260, 268, 452,  # chmod and chown, in all their forms
    101, 311,  # ptrace, process_vm_writev
    188, 189, 190, 197, 198, 199, 463,  # setxattr and removexattr
    240, 319,  # mq_open, memfd_create
    425,  # io_uring_setup, which seccomp cannot see into
)  # fmt: skip
CLONE, CLONE3, TGKILL, CLONE_THREAD, X32 = 56, 435, 234, 0x10000, 0x40000000
X86_64, EPERM, ENOSYS = 0xC000003E, 1, 38
KILL, ALLOW, ERROR = 0x80000000, 0x7FFF0000, 0x50000

libc = ctypes.CDLL(None, use_errno=True)
NO_NEW_PRIVILEGES, SECCOMP = 38, 22


def call(function, *arguments):
    """Call the C library; its errors become OSError."""
    result = function(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def landlock_version():
    """The version of Landlock that this kernel has; 0 if none."""
    try:
        return call(libc.syscall, CREATE_RULESET, None, 0, 1)
    except OSError:
        return 0


def missing():
    """What this machine lacks to enforce the limits, in a sentence; nothing if it lacks nothing."""
    if platform.system() == "Linux" and platform.machine() == "x86_64" and landlock_version() >= LANDLOCK:
        return ""
    return (
        "Grading runs code of students, and this machine cannot keep that from your files: it takes Linux "
        "6.2 or newer on x86-64, with Landlock. Grade on such a machine; teaching/grading.md says more."
    )


def impose(folder, readable):
    """Limit this process, for good: it may write in `folder` alone and read only there and in `readable`.

    Call it while the process has a single thread, as others would go on without the limits.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))  # of these, the second cannot be ignored
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, DISK),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 512),
    ):
        resource.setrlimit(limit, (value, value))
    no_rights = (ctypes.c_uint32 * 6)()
    call(libc.capset, (ctypes.c_uint32 * 2)(0x20080522, 0), no_rights)  # those of root, in a container
    call(libc.prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    keep_from_files(folder, readable)
    keep_from_processes()


def keep_from_files(folder, readable):
    """Landlock: no other files, and where the kernel knows how, no TCP and no signals to others."""
    version = landlock_version()
    everything = (1 << FILE_RIGHTS.get(version, 16)) - 1
    ruleset = struct.pack("QQQ", everything, 3, 3)  # files; bind and connect; abstract sockets and signals
    size = 8 if version < 4 else 16 if version < 6 else 24  # older kernels take a shorter one
    rules = call(libc.syscall, CREATE_RULESET, ruleset, size, 0)
    rules_for = dict.fromkeys([*readable, *SYSTEM], READ_FILE | READ_DIR) | {folder: everything & ~IOCTL}
    for path, rights in rules_for.items():
        with contextlib.suppress(FileNotFoundError):
            target = os.open(path, os.O_PATH)
            if not os.path.isdir(path):
                rights &= READ_FILE
            if path == "/dev/null":
                rights |= WRITE_FILE
            call(libc.syscall, ADD_RULE, rules, 1, struct.pack("=Qi", rights, target), 0)
            os.close(target)
    call(libc.syscall, RESTRICT_SELF, rules, 0)
    os.close(rules)


def keep_from_processes():
    """Seccomp: no new process, no signal to another one, no socket; threads are allowed."""

    def instruction(code, value, then=0, otherwise=0):
        return struct.pack("HBBI", code, then, otherwise, value)

    def load(offset):
        return instruction(0x20, offset)

    def if_equal(value, then, otherwise):
        return instruction(0x15, value, then, otherwise)

    def end(what):
        return instruction(0x06, what)

    number, architecture, first_argument = 0, 4, 16
    denied = end(ERROR | EPERM)
    program = [load(architecture), if_equal(X86_64, 1, 0), end(KILL), load(number)]
    program += [instruction(0x35, X32, 0, 1), end(KILL)]  # the same calls under other numbers
    for call_number in DENIED:
        program += [if_equal(call_number, 0, 1), denied]
    program += [if_equal(CLONE3, 0, 1), end(ERROR | ENOSYS)]  # then clone is taken, whose flags can be seen
    for call_number, is_own in (
        (CLONE, instruction(0x45, CLONE_THREAD, 1, 0)),
        (TGKILL, if_equal(os.getpid(), 1, 0)),
    ):
        program += [if_equal(call_number, 0, 4), load(first_argument), is_own, denied, end(ALLOW)]
    program.append(end(ALLOW))
    code = ctypes.create_string_buffer(b"".join(program))
    pointer = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    call(libc.prctl, SECCOMP, 2, pointer, 0, 0)
