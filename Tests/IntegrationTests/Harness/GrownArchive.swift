extension Daemon {
    /// The archive of `grown:2`, an image of 20 MB in two layers on the daemon's busybox, which is no longer there.
    func grownArchive(in directory: String) throws -> String {
        for number in 1...2 {
            let name = try ok(
                .gantry, "run", "-d", "--network", "none", number == 1 ? "busybox" : "grown:1", "sh", "-c",
                "mkdir /d\(number); for i in $(seq 200); do head -c 50000 /dev/urandom >/d\(number)/$i; done")
            try ok(.gantry, "wait", name)
            try ok(.gantry, "commit", name, "grown:\(number)")
            try ok(.gantry, "rm", name)
        }
        let file = directory + "/grown.tar"
        try ok(.gantry, "save", "-o", file, "grown:2")
        try ok(.gantry, "rmi", "grown:2", "grown:1")
        return file
    }
}
