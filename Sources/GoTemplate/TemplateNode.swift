internal import JSON

/// The pieces of a template: text, actions and what they contain.
indirect enum TemplateNode {
    case text(String)
    case action(TemplatePipeline)
    case conditional(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
    case range(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case breakLoop
    case continueLoop
}

/// `$x := a | b | c`.
struct TemplatePipeline {
    var variables: [String] = []
    var isAssignment = false
    var commands: [TemplateCommand] = []
}

/// A function or a value, and its arguments.
struct TemplateCommand {
    var operands: [TemplateOperand]
}

/// A value in a command, with the place it stands at for error messages.
struct TemplateOperand {
    indirect enum Kind {
        case dot
        case null
        case literal(JSON)
        case function(String)
        case variable(String)
        case parentheses(TemplatePipeline)
    }

    var kind: Kind
    /// The names behind it: `.A.B` is the dot with two.
    var fields: [String]
    /// Bytes from the start of the template.
    var position: Int
    /// As it stands in the template.
    var source: String
}
