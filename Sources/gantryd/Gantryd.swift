internal import Flags
internal import Glibc
internal import Logging

/// `gantryd`.
@main
enum Gantryd {
    static func main() async {
        let options: DaemonOptions
        do {
            options = try DaemonOptions(CommandLine.arguments.dropFirst())
        } catch {
            fail("\(error.message)\nSee 'gantryd --help'.")
        }
        if options.wantsHelp {
            print(DaemonOptions.help, terminator: "")
            return
        }
        if !options.arguments.isEmpty { fail("\"gantryd\" accepts no arguments.\nSee 'gantryd --help'.") }
        if options.version {
            print("Gantry version \(DaemonConfiguration.version), build \(DaemonConfiguration.commit)")
            return
        }
        let configuration: DaemonConfiguration
        do {
            let settings = try ConfigurationFile.merged(
                file: try ConfigurationFile.read(options.configFile), flags: options.settings)
            configuration = try DaemonConfiguration(settings, insecureTCP: options.insecureTCP)
        } catch {
            fail("\(error)")
        }
        if options.validateOnly {
            print("configuration OK")
            return
        }
        guard getuid() == 0 else { fail("gantryd needs to be run as root: sudo gantryd") }
        let level = configuration.logLevel
        let log = Logger(label: "gantryd") { _ in StandardErrorLog(level: level) }
        do {
            try await Daemon(configuration: configuration, log: log).run()
        } catch {
            log.critical("\(error)")
            exit(1)
        }
    }

    private static func fail(_ message: String) -> Never {
        let bytes = Array("gantryd: \(message)\n".utf8)
        _ = write(2, bytes, bytes.count)
        exit(1)
    }
}
