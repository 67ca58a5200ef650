"""Programs that serve a model with torch, in the engine's own Python, and what they share. They import nothing of ours.

Run them as modules, with the folder above on PYTHONPATH: `python -m torch_engines.deepspeed --help`. (As files they
would shadow the packages whose names they have.) Ready, health, parent and exit status are as in ../llamacpp.py.
"""
