"""The demonstration endpoint: a real inference server whose answers, cost and dishonesty are known exactly.

It imports nothing of ours outside this package, so that a bug in an adapter cannot be mirrored by its own test server.

    options -> server -> service -> (cheats) -> slots -> video | text -> answers | sse -> wire
"""
