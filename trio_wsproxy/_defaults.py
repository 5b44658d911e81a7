"""The numbers that a user may change: what they are where nobody has changed them.

They stand here, below everything, so that the command line can tell them in its help without
importing what uses them. ``_client/_options`` has what they are for.
"""

CONNECT_TIMEOUT = 60  # seconds; trio-websocket's
DISCONNECT_TIMEOUT = 60  # seconds; trio-websocket's
MAX_MESSAGE_SIZE = 2**20  # bytes; trio-websocket's
PING_INTERVAL = 20  # seconds; below the idle timeouts of common proxies (nginx 60, ELB 60)
PING_TIMEOUT = 20  # seconds
