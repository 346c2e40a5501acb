"""`python -m rugpt_core`, and `torchrun … -m rugpt_core`: the command `rugpt`."""
from rugpt_core.cli.main import main

main()
