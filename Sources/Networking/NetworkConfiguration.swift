/// The daemon's settings for the default network.
package struct NetworkConfiguration: Sendable {
    /// Distinguishes this daemon's bridge and firewall table from those of other daemons; letters and digits.
    package var instance: String
    /// At most 15 bytes (IFNAMSIZ).
    package var bridgeName: String
    /// The bridge's own address, `10.88.0.1/24`; nil uses the first free pool.
    package var bip: String?
    /// The part of the bridge's network from which containers get addresses.
    package var fixedCIDR: String?
    package var defaultGateway: String?
    package var mtu = 1500
    /// Containers on the bridge may reach each other.
    package var icc = true
    package var ipMasquerade = true
    /// Docker's `iptables`: whether to install firewall rules.
    package var firewall = true
    package var ipForward = true
    package var defaultBindAddress = "0.0.0.0"
    /// An existing bridge, or `none` for no bridge network.
    package var userBridge: String?

    package init(instance: String, bridgeName: String) {
        self.instance = instance
        self.bridgeName = bridgeName
    }
}
