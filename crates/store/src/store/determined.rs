//! Comparison of two records with one key.
//!
//! A key is a hash of everything that determines a result. Not determined, and no difference between two results, are
//! times, the name of the backend (the key has its kind, but not the instruction set) and the name of a training's recipe
//! (the key has its settings). All other numbers and texts must agree to the bit.

use serde_json::Value;

use super::{Kind, body::Body, body::BodyError};

/// Fields of descriptions that the key does not determine.
const FREE: [&str; 5] = ["cascade_seconds", "entropy_seconds", "seconds", "backend", "recipe"];

/// True if two bodies of `kind` are the same result.
pub(crate) fn is_same_result(kind: &str, one: &[u8], other: &[u8]) -> Result<bool, BodyError> {
    Ok(one == other || determined(kind, one)? == determined(kind, other)?)
}

/// Name, type, shape and bytes of each array.
type Arrays = Vec<(String, String, Vec<usize>, Vec<u8>)>;

/// The part of a body that the key determines.
fn determined(kind: &str, bytes: &[u8]) -> Result<(Value, Arrays), BodyError> {
    let body = Body::parse(bytes)?;
    let mut description: Value = body.description()?;
    if let Some(fields) = description.as_object_mut() {
        fields.retain(|name, _| !FREE.contains(&name.as_str()));
    }
    let mut arrays = body.all();
    if kind == Kind::Scores.name() {
        arrays.iter_mut().for_each(|(_, _, _, bytes)| super::scores::clear_seconds(bytes));
    }
    Ok((description, arrays))
}
