"""A page in a browser of the desktop, never in one that would take the keys of this terminal."""

import webbrowser


def opened(address: str) -> bool:
    """Whether one was told to open it. Blocks."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    # Browsers that run in a terminal, and what BROWSER names that Python does not know, are of the class itself.
    return type(found) is not webbrowser.GenericBrowser and found.open(address)
