"""What the machine's owner leaves to the fleet: readings in, a `Capacity` out.

owner (whose use is it?) -> recent (the last five minutes) and slots (the weeks) -> judgement (formulas) -> learner.
Those are pure. `store` keeps the slots in a file; `watch` is the shell around it all.
"""
