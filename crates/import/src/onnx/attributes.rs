//! Attributes of nodes.

use super::proto::{Attribute, Node};

impl Node {
    pub(super) fn find(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f64 {
        // The shortest decimal number: 0.2 and not 0.20000000298.
        let value = self.find(name).map_or(default, |attribute| attribute.f);
        value.to_string().parse().unwrap_or(f64::from(value))
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.find(name).map(|attribute| &attribute.ints[..])
    }

    /// A text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        let text = self.find(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok());
        text.unwrap_or_default()
    }

    /// Name of input `index`, if it is given.
    pub(super) fn given(&self, index: usize) -> Option<&str> {
        self.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }
}
