"""`herd simulate`: the real Desk on a virtual clock, in worlds that it has to find out about. No socket, no waiting."""
