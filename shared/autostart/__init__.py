"""Starting a program with the machine or at a login: unit files of systemd, property lists of launchd.

`installation` is pure; `installing` writes files and asks; `verb` is what both command lines offer as `service`.
"""
