// Lines that end as Windows writes them, and tabs.
// ask: wss://a.test/ => PROXY crlf:1
function FindProxyForURL(url, host)
{
	if (shExpMatch(host, "*.test"))
		return "PROXY crlf:1";
	return "DIRECT";
}
