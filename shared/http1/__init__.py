"""HTTP/1.1 for calls: the only place of its kind, used by both programs.

heads     one message's head as a value, parsed and serialised; limits, faults: bounds and errors
framing   where a message's body ends, by its head alone; chunked: the coding itself
inflow    a body on its way in, with back-pressure
server    listens; connection: one client's connection; exchange: one request and its answer
client    one connection to an upstream; pool: those that are kept alive, by address
splice    an upstream's body into an answer, without a task
sweep     deadlines of many connections with one timer
"""
