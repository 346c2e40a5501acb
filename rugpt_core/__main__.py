"""`python -m rugpt_core`, and `torchrun … -m rugpt_core`: the command `rugpt`."""
import os
import signal


def run():
    """The command `rugpt`; told to stop before its modules are there, it ends as it does later: with one line."""
    def stop(number, frame):
        os.write(2, b"\nrugpt: stopped\n")
        os._exit(130)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    from rugpt_core.cli.main import main

    main()


if __name__ == "__main__":
    run()
