"""Making load: the pure plan of what is sent when, and the processes that send it."""
