internal import CLinux
package import Linux

/// Creates network namespaces without entering them.
package enum NetworkNamespace {
    /// A namespace and a netlink socket that works inside it.
    package struct Opened: ~Copyable {
        /// Keeps the namespace alive; closing the last descriptor removes it and every link inside.
        package let namespace: Descriptor
        /// Works inside the namespace.
        package let routes: RouteSocket
    }

    /// Creates a namespace with only `lo`, which is up. A temporary thread enters it, so the namespace of the caller's thread
    /// does not change.
    package static func open() throws(NetlinkError) -> Opened {
        var socket: Int32 = -1
        do {
            let namespace = try checking("create network namespace") { Int(linux_make_network_namespace(&socket)) }
            return Opened(
                namespace: Descriptor(owning: Int32(namespace)), routes: RouteSocket(Descriptor(owning: socket)))
        } catch {
            throw NetlinkError(error)
        }
    }

    /// As ``open()``, without the socket.
    package static func create() throws(NetlinkError) -> Descriptor {
        let opened = try open()
        return opened.consumeNamespace()
    }

    /// Moves the calling thread into the namespace. The thread must not be used for anything else.
    package static func join(_ namespace: Int32) throws(NetlinkError) {
        do {
            try checking("join network namespace") { Int(linux_join_network_namespace(namespace)) }
        } catch {
            throw NetlinkError(error)
        }
    }
}

extension NetworkNamespace.Opened {
    package consuming func consumeNamespace() -> Descriptor { namespace }
}
