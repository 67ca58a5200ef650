"""How this node becomes one: which coordinator it joined, how it proves that, and with whom it speaks at all."""
