// A portal's page in its place.
// ask: wss://h.test/ => !MALFORMED
<!DOCTYPE html>
<html><body>Please log in. FindProxyForURL</body></html>
