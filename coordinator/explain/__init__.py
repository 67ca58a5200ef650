"""Why a call went where it went: asked before it is made, while it runs, and after it ended."""
