"""Talks with a program on a terminal of its own: talk.py WORDS PROGRAM ARGUMENT...

WORDS is a list in JSON: each is typed when the program asks with "> "; "^C" and "^D" are the keys, "TERM" is the signal.
Prints what the terminal showed; ends as the program does, with 128 and the signal where one ended it.
"""
import json
import os
import pty
import signal
import sys


def shown_until(terminal, mark):
    text = b""
    while not text.endswith(mark):
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the program has ended
            break
        if not piece:
            break
        text += piece
    sys.stdout.buffer.write(text)


def main():
    words, command = json.loads(sys.argv[1]), sys.argv[2:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    for word in words:
        shown_until(terminal, b"> ")
        if word == "TERM":
            os.kill(child, signal.SIGTERM)
        else:
            keys = {"^C": b"\x03", "^D": b"\x04"}
            os.write(terminal, keys.get(word, word.encode() + b"\n"))
    shown_until(terminal, b"\0never")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(status if status >= 0 else 128 - status)


main()
