"""A call in one API's words for an engine that has only the other's, and the answer back.

`table` says what becomes of every field; requests are made by walking it, and by nothing else. `for_llamacpp` and
`for_ollama` convert values. `ollama_request`, `ollama_answer`, `openai_request` and `openai_answer` are named for the
caller's API.
"""
