internal import Engine
internal import Images
internal import Store

/// The steps of the database's schema, numbered by their places: what was released stays as it is, and where it is.
enum Schema {
    static let migrations: [Migration] =
        // 1 to 5: images-1, images-2, images-leases, images-origins, images-manifests
        ImageService.migrations
        // 6: engine-1
        + [ContainerStore.migration]
}
