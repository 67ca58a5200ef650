"""`herd top`: the fleet live in a terminal. Pictures become rows in pure functions; screen.py shows them."""
