/// The Python program that visits a site by all its names.
///
/// It connects to this host alone, whatever a name or a redirect says: a look of a hundred hosts must not become a
/// load on somebody else. A request may take 10 seconds, all of them together 30 and what is waited for.
enum SiteVisitScript {
  static let source = #"""
    import http.client, json, os, re, socket, ssl, sys, time, urllib.parse
    q = json.loads(sys.argv[1])
    began = time.monotonic()
    patience, limit = began + q["patience"], began + q["patience"] + 30

    def own_address():
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(("192.0.2.1", 9))  # sends nothing
                return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"

    names = q["names"] or [own_address()]

    def context(name, port):
        if q["certificate"] == "public":
            return ssl.create_default_context()
        # Whoever signed it: it has to be this name's, and valid today.
        blind = ssl._create_unverified_context()
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with blind.wrap_socket(plain, server_hostname=name) as s:
                pem = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
        strict = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        strict.load_verify_locations(cadata=pem)
        strict.verify_flags |= 0x80000  # X509_V_FLAG_PARTIAL_CHAIN
        return strict

    contexts = {}

    def get(url, size):
        u = urllib.parse.urlsplit(url)
        port = u.port or (443 if u.scheme == "https" else 80)
        timeout = max(0.1, min(10, limit - time.monotonic()))
        c = http.client.HTTPConnection(u.hostname, port, timeout=timeout)
        c.sock = socket.create_connection(("127.0.0.1", port), timeout)
        try:
            if u.scheme == "https":
                key = (u.hostname, port)
                if key not in contexts:
                    contexts[key] = context(*key)
                c.sock = contexts[key].wrap_socket(c.sock, server_hostname=u.hostname)
            c.request("GET", (u.path or "/") + ("?" + u.query if u.query else ""),
                      headers={"Host": u.netloc, "Accept": "*/*", "User-Agent": "martlet"})
            r = c.getresponse()
            return r.status, r.getheader("Location"), r.read(size)
        finally:
            c.close()

    def visit(url):
        """Follows redirects to what this site itself serves."""
        chain = []
        for _ in range(6):
            try:
                status, location, body = get(url, 65536)
            except Exception as e:
                return {"chain": chain + [[url, None]], "error": "%s: %s" % (type(e).__name__, e)}
            chain.append([url, status])
            if status not in (301, 302, 303, 307, 308) or not location:
                break
            url = urllib.parse.urljoin(url, location)
            host = urllib.parse.urlsplit(url).hostname or ""
            if not any(host == n or n[:2] == "*." and host.endswith(n[1:]) for n in names):
                return {"chain": chain + [[url, None]]}
        else:
            return {"chain": chain + [[url, None]], "error": "redirects without end"}
        text = body.decode("utf-8", "replace")
        return {"chain": chain, "body": text[:800], "debug": bool(re.search(r"DEBUG ?= ?True</(a|code)>", text))}

    def attempt(work, is_right):
        while True:
            try:
                found = work()
            except Exception as e:
                found = {"error": "%s: %s" % (type(e).__name__, e)}
            if is_right(found) or time.monotonic() > patience:
                return found
            time.sleep(0.5)

    def is_page(found):
        return "error" not in found and (found["chain"][-1][1] or 399) < 400

    def newest():
        """The file that was collected last: if one can't be read by the web server, it is one of those."""
        best, seen = None, 0
        for folder, folders, files in os.walk(q["static"]["folder"]):
            for name in files:
                path = os.path.join(folder, name)
                try:
                    found = os.lstat(path)
                    path.encode()
                except (OSError, UnicodeError):
                    continue
                if name[0] != "." and os.path.isfile(path) and found.st_size <= 1 << 20:
                    best = max(best or (0, ""), (found.st_ctime, path))
            seen += len(files)
            if seen > 20000:
                break
        return best and best[1]

    def static(path):
        part = os.path.relpath(path, q["static"]["folder"])
        url = base + q["static"]["url"] + urllib.parse.quote(part)
        status, _, body = get(url, 1 << 21)
        with open(path, "rb") as f:
            same = f.read() == body
        return {"url": url, "status": status, "same": same}

    for name in names:
        real = "www" + name[1:] if name[:2] == "*." else name
        if time.monotonic() > limit:
            found = {"error": "not asked: the names before it took too long"}
        else:
            url = "http://%s%s" % (real, q["path"])
            found = attempt(lambda: visit(url), is_page)
        print("martlet " + json.dumps(dict(found, name=real)))
    base = ("https://" if q["tls"] else "http://") + ("www" + names[0][1:] if names[0][:2] == "*." else names[0])
    path = q["static"] and newest()
    if path:
        found = attempt(lambda: static(path), lambda f: f.get("same") and f.get("status") == 200)
        print("martlet " + json.dumps(dict(found, file=path)))
    print("martlet {}")
    """#
}
