"""URLs in, frozen values out: hosts, targets, proxies."""
