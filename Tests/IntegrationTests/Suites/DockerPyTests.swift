import Testing

extension Integration {
    /// Issue heading 5: docker-py from PyPI; each case is a function of Fixtures/docker_py.py.
    @Suite(.daemon) struct DockerPy {
        @Test(arguments: [
            "run", "life", "logs", "exec_run", "attach", "images", "events", "top_and_inspect", "system", "errors",
        ])
        func does(what: String) throws {
            var environment = try daemon.environment
            environment["REGISTRY_IMAGE"] = try Registry.get().name("busybox")
            environment["IMAGE_TAR"] = BusyboxImage.tar
            let result = try command(
                [Programs.python, Programs.fixtures + "/docker_py.py", what], environment: environment)
            let log = try daemon.logTail
            #expect(result.status == 0, "\(result)\n\(log)")
        }
    }
}
