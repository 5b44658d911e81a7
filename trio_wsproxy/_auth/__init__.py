"""Authentication with HTTP proxies: what a scheme is, the schemes, the conversation of one hop."""
