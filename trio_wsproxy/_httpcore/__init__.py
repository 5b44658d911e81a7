"""How do httpcore and httpx, and their successors httpcore2 and httpx2, reach servers? By our dialer.

These four have the same interfaces and each its own classes. So what is done stands here once and imports
none of them: ``_network`` opens streams, on ``_carrier``, which a cancelled request cannot spoil for others,
``_transport`` hands requests on, ``_errors`` says what went wrong by the library's own exceptions. ``_httpx`` and
``_httpx2`` join it to the classes of a library, and the public modules ``httpcore`` and ``httpcore2`` show those; they
are imported from these files, for nearly nobody has both libraries.
"""
