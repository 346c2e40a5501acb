"""`python -m rugpt_core`, and `torchrun … -m rugpt_core`: the command `rugpt`."""
import os
import re
import resource
import signal
import threading
from contextlib import contextmanager

NO_MEMORY = b"rugpt: memory ran out. Free some, take less, or raise the limit (ulimit -v)\n"
STOPPED = b"\nrugpt: stopped\n"
NOWHERE = b"rugpt: the current folder is gone. Change to one that is there\n"
EARLY = 131  # a child that was told to stop before its modules were there
NO_THREAD = 127  # glibc's own end where a thread gets no memory for its data
LOADING = 30  # seconds of processor time for our modules: without memory Python 3.11 may go round in an exception
ENDS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL, signal.SIGPROF)  # of a process without memory


@contextmanager
def without_memory():
    """A block that may find no memory, before anything of ours is there to say so."""
    try:
        yield
    except (MemoryError, ImportError, OSError, RuntimeError, SystemError) as e:
        known = "map segment|cate memory|MemoryError|new thread|error return without exception"
        if not isinstance(e, MemoryError) and not re.search(known, str(e)):
            raise
        os.write(2, NO_MEMORY)
        os._exit(2)


def supervised():
    """Under a limit on memory, go on in a child: a library that gets none may abort the process, and somebody must
    say so."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return False
    ours, theirs = os.pipe()
    if not (pid := os.fork()):
        os.close(theirs)
        with without_memory():
            threading.Thread(target=lambda: (os.read(ours, 1), os._exit(1)), daemon=True).start()  # ends with its parent
        return True
    os.close(ours)
    told = []
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: (told.append(number), os.kill(pid, number)))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (130, EARLY) and told:
        os.write(2, STOPPED if code == EARLY else b"")
        code = 130
    elif code in (130, EARLY, NO_THREAD, *(-number for number in ENDS)):
        os.write(2, NO_MEMORY)  # OpenBLAS interrupts its own process where it gets no thread
        code = 2
    os._exit(code if code >= 0 else 128 - code)


def run():
    """The command `rugpt`; told to stop before its modules are there, it ends as it does later: with one line."""
    def stop(number, frame):
        os.write(2, b"" if under else STOPPED)
        os._exit(EARLY if under else 130)

    try:
        os.getcwd()
    except OSError:  # no path hangs from it any more, and torch would abort the process
        os.write(2, NOWHERE)
        os._exit(2)
    under = supervised()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    signal.setitimer(signal.ITIMER_PROF, LOADING if under else 0)  # its signal ends the process
    with without_memory():
        from rugpt_core.cli.main import main
    signal.setitimer(signal.ITIMER_PROF, 0)

    main()


if __name__ == "__main__":
    run()
