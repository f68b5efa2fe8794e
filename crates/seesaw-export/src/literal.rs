//! Values as Python writes them.

use std::fmt::Write;

use serde_json::Value;

/// A text as a Python literal in single quotes. Quotes, backslashes and everything that would not be
/// visible are escaped.
pub(crate) fn python_text(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            // Line and paragraph separators end lines for some readers.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(literal, "\\u{:04x}", c as u32);
            }
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// A JSON value as a Python literal, indented by `depth` levels.
pub(crate) fn python(value: &Value, depth: usize) -> String {
    let indent = "    ".repeat(depth + 1);
    let end = "    ".repeat(depth);
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python_text(text),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let items: Vec<String> = items.iter().map(|item| python(item, depth)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| format!("{indent}{},\n", python(item, depth + 1)));
            format!("[\n{}{end}]", items.collect::<String>())
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{indent}{}: {},\n", python_text(key), python(value, depth + 1))
            };
            format!("{{\n{}{end}}}", fields.iter().map(field).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_python_reads_them() {
        for (text, literal) in [
            ("tench", "'tench'"),
            ("jack-o'-lantern", r"'jack-o\'-lantern'"),
            ("a\\b\"c", r#"'a\\b"c'"#),
            ("two\nlines\r\t\0", r"'two\nlines\r\t\u0000'"),
            ("größer\u{2028}", r"'größer\u2028'"),
        ] {
            assert_eq!(python_text(text), literal);
        }
    }

    #[test]
    fn values_become_literals() {
        let value: Value = serde_json::json!({"a": [1, 0.5, null], "b": [{"c": true}], "d": {}});
        let expected = "{\n    'a': [1, 0.5, None],\n    'b': [\n        {\n            'c': True,\n        },\n    ],\n    'd': {\n    },\n}";
        assert_eq!(python(&value, 0), expected);
    }
}
