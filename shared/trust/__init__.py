"""Who is who in a fleet: its authority, the certificates it signs, and TLS between those that hold them.

names            what a certificate says of its owner; pure
authority        the fleet's own: signs what both sides show
leaf, held       a program's own key and certificate; when it is due for a new one
possession       proof that who asks for a certificate has its key; pure
fingerprints     the short value that stands for a key
contexts         TLS 1.3 with them: listening, calling, looking
certified        whom the other end of a connection proved to be
looking          what a stranger shows, before anything is told to it
private_files    what only its user may read
"""
