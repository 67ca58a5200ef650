"""What `herd doctor` and `herd-node doctor` both look at: this machine and its network. Nothing is changed.

`seen` has the values, `machine_checks` and `network_checks` judge them (pure), `looks`, `multicast` and `browsing` read
the system, `telling` shows what was found.
"""
