/// What this command line calls itself.
package enum Version {
    package static let client = "0.1.0"
    /// The newest Engine API the commands know.
    package static let api = "1.50"
}
