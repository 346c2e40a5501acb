"""The command `rugpt`. Its entry point is `rugpt_core.cli.main:main`."""
