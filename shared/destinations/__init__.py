"""Where a program of ours may connect to: addresses sorted, rules over them, one reading of a URL, names pinned."""
