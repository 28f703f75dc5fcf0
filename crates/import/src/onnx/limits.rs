//! Counts the parts of a model before they are decoded, so that many empty messages in a small file do not become a
//! large structure in memory.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// Most fields of messages of a model: nodes, attributes, numbers of attributes. Networks of a thousand layers have some
/// ten thousand.
pub(super) const MOST_FIELDS: u64 = 1 << 20;

/// A message, whose fields are counted.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Value,
    Tensor,
}

impl Message {
    /// The message in a field, if its fields are counted too.
    const fn field(self, tag: u32) -> Option<Self> {
        match (self, tag) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Graph, 1) => Some(Self::Node),
            (Self::Graph | Self::Attribute, 5) => Some(Self::Tensor),
            (Self::Graph, 11 | 12) | (Self::Value, _) => Some(Self::Value),
            (Self::Node, 5) => Some(Self::Attribute),
            _ => None,
        }
    }
}

/// Number of fields of a model, or one more than [`MOST_FIELDS`].
pub(super) fn count(model: &[u8]) -> Result<u64, DecodeError> {
    let mut count = 0;
    visit(model, Message::Model, 0, &mut count)?;
    Ok(count)
}

fn visit(
    mut bytes: &[u8],
    message: Message,
    depth: usize,
    count: &mut u64,
) -> Result<(), DecodeError> {
    // Types of values are nested; whatever is deeper is skipped by the decoder as well.
    const DEEPEST: usize = 8;
    while !bytes.is_empty() && *count <= MOST_FIELDS {
        *count += 1;
        let (tag, wire) = decode_key(&mut bytes)?;
        let inner = message.field(tag).filter(|_| wire == WireType::LengthDelimited);
        let Some(inner) = inner.filter(|_| depth < DEEPEST) else {
            skip_field(wire, tag, &mut bytes, DecodeContext::default())?;
            continue;
        };
        let length = decode_varint(&mut bytes)?;
        // The decoder reports messages that are cut off.
        let length = usize::try_from(length).map_or(bytes.len(), |length| length.min(bytes.len()));
        let (content, rest) = bytes.split_at(length);
        // Texts of types look like messages, but need not be any.
        let nested = visit(content, inner, depth + 1, count);
        if !matches!(inner, Message::Value) {
            nested?;
        }
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_messages_are_counted() {
        // A graph of three empty nodes.
        assert_eq!(count(&[0x3a, 6, 0x0a, 0, 0x0a, 0, 0x0a, 0]).unwrap(), 4);
        let nodes = [0x0a, 0].repeat(MOST_FIELDS as usize);
        let length = nodes.len() as u32;
        let mut model = vec![0x3a];
        prost::encoding::encode_varint(length.into(), &mut model);
        model.extend(nodes);
        assert_eq!(count(&model).unwrap(), MOST_FIELDS + 1);
        assert!(count(&[0x3a, 2, 0x0b]).is_err());
    }
}
