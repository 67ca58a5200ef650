"""How a node becomes one: tokens, those that wait to be let in, those that were, and what they prove."""
