"""`python -m rugpt_core`, and `torchrun … -m rugpt_core`: the command `rugpt`."""
import os
import re
import resource
import signal
import threading

NO_MEMORY = b"rugpt: memory ran out. Free some, take less, or raise the limit (ulimit -v)\n"
STOPPED = b"\nrugpt: stopped\n"
NOWHERE = b"rugpt: the current folder is gone. Change to one that is there\n"
EARLY = 131  # a child that was told to stop before its modules were there
NO_THREAD = 127  # glibc's own end where a thread gets no memory for its data
LOADING = 30  # seconds of processor time for our modules: without memory Python 3.11 may go round in an exception
ENDS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL, signal.SIGPROF)  # of a process without memory
# what Python, glibc and libraries say where memory ends while modules load; some of it is no exception any more
NONE_LEFT = re.compile(rb"MemoryError|emory alloc|cate memory|map segment|new thread|without (?:setting an )?exception")


class Loading:
    """While the modules load under a limit on memory: what the child says is held back, since much of it may be the
    end of memory in other words, and nobody of ours is there yet to say so."""

    def __init__(self):
        self.said = os.fdopen(os.memfd_create("said"), "w+b", buffering=0)
        self.ended, self.tell = os.pipe()

    def begin(self):
        """In the child."""
        self.stderr = os.dup(2)
        os.dup2(self.said.fileno(), 2)
        signal.setitimer(signal.ITIMER_PROF, LOADING)  # its signal ends the process

    def end(self):
        """In the child: from here on the command speaks for itself."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.dup2(self.stderr, 2)
        os.write(2, self.text())
        os.write(self.tell, b"1")

    def text(self) -> bytes:
        self.said.seek(0)
        return self.said.read()

    def code(self, code: int) -> int:
        """In the parent, when the child has ended: the exit code, and one line where memory ran out."""
        os.close(self.tell)
        loaded = os.read(self.ended, 1)
        if code in (130, EARLY, NO_THREAD, *(-number for number in ENDS)) or (
            code and not loaded and NONE_LEFT.search(self.text())):
            os.write(2, NO_MEMORY)  # OpenBLAS interrupts its own process where it gets no thread
            return 2
        if not loaded:
            os.write(2, self.text())
        return code if code >= 0 else 128 - code


def supervised():
    """Under a limit on memory, go on in a child: a library that gets none may abort the process, and somebody must
    say so. In the child: its `Loading`; without a limit, or off Linux, where none is kept: None."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY or not hasattr(os, "memfd_create"):
        return None
    loading = Loading()
    ours, theirs = os.pipe()
    if not (pid := os.fork()):
        os.close(theirs)
        loading.begin()
        threading.Thread(target=lambda: (os.read(ours, 1), os._exit(1)), daemon=True).start()  # ends with its parent
        return loading
    os.close(ours)
    told = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: (told.append(number), os.kill(pid, number)))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (130, EARLY) and told:
        os.write(2, STOPPED if code == EARLY else b"")
        os._exit(130)
    os._exit(loading.code(code))


def run():
    """The command `rugpt`; told to stop before its modules are there, it ends as it does later: with one line."""
    def stop(number, frame):
        os.write(2, b"" if loading else STOPPED)
        os._exit(EARLY if loading else 130)

    try:
        os.getcwd()
    except OSError:  # no path hangs from it any more, and torch would abort the process
        os.write(2, NOWHERE)
        os._exit(2)
    loading = supervised()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    from rugpt_core.cli.main import main
    if loading:
        import torch  # noqa: F401 the largest of all: commands load it when they need it, too late to be understood
        loading.end()
    main()


if __name__ == "__main__":
    run()
