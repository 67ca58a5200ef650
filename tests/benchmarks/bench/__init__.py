"""`scripts/bench`: what a coordinator costs between client and engine, beside its peers."""
