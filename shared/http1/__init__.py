"""HTTP/1.1 for calls: the only place of its kind, for both programs.

limits, faults        every bound, every error
heads                 one message's head as a value, parsed and serialised
addressed             whom a head was for that cannot be read
framing, decoding     where a body ends, by its head; its bytes out of a connection's
inflow                a body on its way in: in pieces or whole, with back-pressure
server                listens, refuses, stops
door                  a connection until it is known whether it speaks TLS
secured               TLS on one connection, whichever end
line, connection      one client: bytes and their flow; requests one after the other
exchange              one request and its answer, as a handler sees them
client, pool          one upstream's connection; those that are kept, by address
handshake             who the upstream is, before it is asked
sweep                 deadlines of many connections with one timer

Pure: limits, faults, heads, addressed, framing, decoding.
"""
