"""`python -m sscodec` is `sscodec`."""

from sscodec.cli import main

main()
