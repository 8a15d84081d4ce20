internal import CLinux
package import Linux

/// Making network namespaces without entering them.
package enum NetworkNamespace {
    /// A namespace and the way to work in it from outside.
    package struct Opened: ~Copyable {
        /// Keeps the namespace alive; closing the last descriptor removes it and every link inside.
        package let namespace: Descriptor
        /// Works inside.
        package let routes: RouteSocket
    }

    /// A namespace with nothing but `lo`, up. The work is done on a thread that ends with the call, so no thread of the
    /// caller's ever changes its namespace.
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

    /// The same, for those who need the descriptor only.
    package static func create() throws(NetlinkError) -> Descriptor {
        let opened = try open()
        return opened.consumeNamespace()
    }

    /// Moves the calling thread; it may not be one that anybody else uses.
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
