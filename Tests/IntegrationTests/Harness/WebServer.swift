import Glibc

/// Runs `body` with the port on 127.0.0.1 of Python's web server, which has busybox's tree as `/root.tar`.
func withWebServer(_ body: (Int) throws -> Void) throws {
    let scratch = try Scratch("web")
    try succeed(["cp", BusyboxImage.tar, scratch.path + "/root.tar"])
    let port = try freePort()
    let server = try Child(
        ["python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", scratch.path])
    defer { server.signal(SIGKILL) }
    try eventually("the server answers") {
        try command(["curl", "-sf", "-o", "/dev/null", "http://127.0.0.1:\(port)/"]).status == 0
    }
    try body(port)
}
