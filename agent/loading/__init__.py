"""Before an engine that the agent starts loads its model: whether the file is good, whether there is room, and where.

spec (what a kind of engine says of its loads) -> decision (which cards, which rung, who must go: pure) over what claims
leave of the readings (pure) -> loads (the node's one account, with its order) -> engine_load (one engine's part in it).
"""
