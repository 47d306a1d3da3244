"""The command `blindmatch`: thin apps that parse, call one operation of the node, print, and give an exit code.

main.py                 the tree of commands, and the last word on every error
node card member dataset round audit     one file a group of commands
doctor.py               what works on this machine
demo/                   two nodes and a coordinator on this machine, from nothing to a result
_session.py             asks the running node, or opens the folder when none runs
_passphrase.py          passphrases: from a terminal or a private file, never from an argument
_output.py _exit.py     the only places that print and that choose exit codes
"""

__all__: list[str] = []
