/// What the daemon was told about the default network.
package struct NetworkConfiguration: Sendable {
    /// Tells this daemon's bridge and firewall table from those of other daemons; letters and digits.
    package var instance: String
    /// At most 15 bytes (IFNAMSIZ).
    package var bridgeName: String
    /// The bridge's own address, `10.88.0.1/24`; nil takes the first free pool.
    package var bip: String?
    /// A part of the bridge's network from which containers get their addresses.
    package var fixedCIDR: String?
    package var defaultGateway: String?
    package var mtu = 1500
    /// Containers on the bridge may talk to each other.
    package var icc = true
    package var ipMasquerade = true
    /// Docker's `iptables`: whether there are firewall rules at all.
    package var firewall = true
    package var ipForward = true
    package var defaultBindAddress = "0.0.0.0"
    /// A bridge that exists already, or `none` for no bridge network.
    package var userBridge: String?

    package init(instance: String, bridgeName: String) {
        self.instance = instance
        self.bridgeName = bridgeName
    }
}
