//! Finds the state dict among the objects of a file.

use super::machine::{Id, Object, Objects, Tensor};
use crate::{Error, Result};

/// Longest name of a parameter, in bytes.
const LONGEST_NAME: usize = 1000;

/// Names and tensors of the state dict: the object itself, or the only state dict in a dict of other things.
pub(super) fn state_dict<'a>(
    file: &str,
    objects: &'a Objects,
) -> Result<Vec<(String, &'a Tensor)>> {
    let none = |found: String| Error::NoStateDict { file: file.to_owned(), found };
    let Object::Dict(entries) = &objects.all[objects.root] else {
        let found = match &objects.all[objects.root] {
            Object::Tensor(_) => "it is a single tensor",
            Object::Sequence(_) => "it is a list",
            _ => "it is no dict",
        };
        return Err(none(found.to_owned()));
    };
    if let Some(tensors) = tensors(objects, entries) {
        return distinct(file, tensors);
    }
    let mut found = nested(objects, entries);
    if found.len() > 1 {
        let shown = found.iter().take(5).map(|(key, _)| format!("`{}`", shortened(key)));
        let shown: Vec<_> = shown.collect();
        return Err(none(format!("it has {} of them, {}", found.len(), shown.join(", "))));
    }
    match found.pop() {
        Some((_, tensors)) => distinct(file, tensors),
        None => Err(none("it has no dict whose values are all tensors".to_owned())),
    }
}

/// Names and tensors of a dict.
type Named<'a> = Vec<(&'a str, &'a Tensor)>;

/// State dicts among the values of a dict, with their keys.
fn nested<'a>(objects: &'a Objects, entries: &[(Id, Id)]) -> Vec<(&'a str, Named<'a>)> {
    let entry = |&(key, value): &(Id, Id)| match (&objects.all[key], &objects.all[value]) {
        (Object::Text(key), Object::Dict(entries)) => Some((&**key, tensors(objects, entries)?)),
        _ => None,
    };
    entries.iter().filter_map(entry).collect()
}

/// Names and tensors of a dict that has nothing else, and at least one.
fn tensors<'a>(objects: &'a Objects, entries: &[(Id, Id)]) -> Option<Named<'a>> {
    if entries.is_empty() {
        return None;
    }
    let entry = |&(key, value): &(Id, Id)| match (&objects.all[key], &objects.all[value]) {
        (Object::Text(name), Object::Tensor(tensor)) => Some((&**name, tensor)),
        _ => None,
    };
    entries.iter().map(entry).collect()
}

/// Copies the names, which have to be distinct.
fn distinct<'a>(file: &str, tensors: Vec<(&str, &'a Tensor)>) -> Result<Vec<(String, &'a Tensor)>> {
    let mut names = std::collections::HashSet::new();
    for &(name, _) in &tensors {
        let problem = match name.len() {
            0..=LONGEST_NAME if names.insert(name) => continue,
            0..=LONGEST_NAME => "stands in it twice",
            _ => "has too long a name",
        };
        let place = format!("parameter `{}`", shortened(name));
        return Err(Error::Damaged { file: file.to_owned(), place, problem: problem.to_owned() });
    }
    Ok(tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect())
}

/// The start of a name, for messages.
fn shortened(name: &str) -> String {
    name.chars().take(50).collect()
}
