internal import DockerAPI
internal import Images
internal import JSON
internal import Layers
internal import Linux
internal import Logging
internal import OCI

extension Container {
    /// Directory, files, writable layer and row of a new container; undone when one of them fails. On the container's own queue:
    /// with some storage drivers it is a copy of the whole image.
    func makeParts(layers: [Digest]) throws(EngineError) {
        let record = record
        let configuration = environment.configuration
        do {
            try files.makeDirectory()
            let host = record.host
            try ContainerFiles.write(record.config.Hostname + "\n", to: files.hostname)
            try ContainerFiles.write(
                ContainerFiles.hosts(
                    hostname: record.config.Hostname, domainname: record.config.Domainname, address: nil,
                    extra: host.ExtraHosts ?? [], gateway: nil,
                    sharesHostNetwork: record.networkMode == "host"), to: files.hosts)
            try ContainerFiles.write(
                ContainerFiles.resolver(
                    servers: host.Dns.isEmpty ? configuration.dns : host.Dns,
                    search: host.DnsSearch.isEmpty ? configuration.dnsSearch : host.DnsSearch,
                    options: host.DnsOptions.isEmpty ? configuration.dnsOptions : host.DnsOptions,
                    sharesHostNetwork: record.networkMode == "host"), to: files.resolver)
            try environment.snapshots.prepare(id: record.id, image: layers)
            try environment.store.add(record)
        } catch {
            do {
                try environment.images.removeSnapshot(id: record.id)
            } catch {
                environment.log.warning("container \(record.shortID): \(error)")
            }
            environment.removeTree(files.directory)
            throw EngineError(wrapping: error)
        }
    }
}
