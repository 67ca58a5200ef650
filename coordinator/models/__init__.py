"""Models where they should be: fetched when nobody has them, loaded before they are asked for, kept where pinned."""
