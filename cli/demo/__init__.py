"""`blindmatch demo`: a shelter, a police unit and a coordinator on this machine, from nothing to a result.

command.py    the command, its signals and its ending
stage.py      the folder and the three node processes; takes everything away again
child.py      how such a process starts: it dies with the demo, even if that is killed
wire.py       counts the bytes between the nodes
story.py      what happens, as the commands that a person would type
telling.py    what each side learned, at the end
"""

__all__: list[str] = []
