internal import ByteText
internal import DockerAPI
internal import OCI

/// The `filters` of `GET /events`: every filter that Docker knows must match one of its values, others are passed over.
struct EventFilter: Sendable {
    private let values: FilterValues

    init(_ filters: [String: [String]]) { values = FilterValues(filters) }

    func admits(_ event: EventMessage) -> Bool {
        let attributes = event.Actor.Attributes
        return isAction(event) && values.equals("type", event.`Type`) && values.begins("scope", event.scope)
            && values.labels("label", attributes) && isOfImage(event)
            && ["container", "network", "volume", "daemon", "plugin", "service", "node", "secret", "config"].allSatisfy
            {
                values.begins($0, event.Actor.ID) || values.begins($0, attributes["name"] ?? "")
            }
    }

    /// Actions with words of the user's behind a colon are meant without them.
    private func isAction(_ event: EventMessage) -> Bool {
        let begins = ["exec_create", "exec_start", "health_status"].contains { values["event"].contains($0) }
        return begins ? values.begins("event", event.Action) : values.equals("event", event.Action)
    }

    /// An image's own events, and those of containers made of it; by name without a tag too.
    private func isOfImage(_ event: EventMessage) -> Bool {
        guard values.contains("image") else { return true }
        let name = event.Actor.Attributes[event.`Type` == "image" ? "name" : "image"] ?? ""
        return [event.Actor.ID, name].contains { text in
            values.equals("image", text)
                || values.equals("image", (try? Reference(text))?.familiarName ?? text)
        }
    }
}
