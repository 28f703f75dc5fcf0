//! Groups parameters by the module that they belong to, by their names.

use super::ParameterInfo;
use crate::{Error, Result};

/// Weights and biases of a dense layer or a convolution, by their numbers in the state dict.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// Name of the module: `layers.3` of `layers.3.weight`.
    pub(super) name: String,
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    /// The batch normalisation after it.
    pub(super) norm: Option<Norm>,
}

/// Parameters of a batch normalisation, by their numbers in the state dict.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) name: String,
    pub(super) mean: usize,
    pub(super) variance: usize,
    pub(super) weight: Option<usize>,
    pub(super) bias: Option<usize>,
}

/// Role of a parameter in its module.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Weight,
    Bias,
    Mean,
    Variance,
    /// Number of batches seen, which changes nothing.
    Batches,
}

const ROLES: [(&str, Role); 5] = [
    ("weight", Role::Weight),
    ("bias", Role::Bias),
    ("running_mean", Role::Mean),
    ("running_var", Role::Variance),
    ("num_batches_tracked", Role::Batches),
];

/// Module and role by a parameter's name: `fc1.weight`, `fc1_weight` or `weight`.
fn split(name: &str) -> Option<(&str, Role)> {
    ROLES.into_iter().find_map(|(role_name, role)| {
        let module = name.strip_suffix(role_name)?;
        let module = if module.is_empty() { module } else { module.strip_suffix(['.', '_'])? };
        Some((module, role))
    })
}

/// Parameters of a module.
struct Module {
    name: String,
    /// Number of the parameter of each role, in the order of [`ROLES`].
    roles: [Option<usize>; ROLES.len()],
}

/// The modules of a state dict, in the order of their first parameters.
fn modules(parameters: &[&ParameterInfo]) -> Result<Vec<Module>> {
    let mut modules: Vec<Module> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (index, info) in parameters.iter().enumerate() {
        let Some((name, role)) = split(&info.name) else {
            let (parameter, shape) = (info.name.clone(), info.shape[..].into());
            return Err(Error::Role { parameter, shape });
        };
        let place = *places.entry(name.to_owned()).or_insert_with(|| {
            modules.push(Module { name: name.to_owned(), roles: [None; ROLES.len()] });
            modules.len() - 1
        });
        modules[place].roles[role as usize] = Some(index);
    }
    Ok(modules)
}

/// Layers with weights and the batch normalisations that follow them. They are in the order of the parameters if
/// `is_in_order`, in the natural order of their names otherwise.
pub(super) fn linears(parameters: &[&ParameterInfo], is_in_order: bool) -> Result<Vec<Linear>> {
    let mut modules = modules(parameters)?;
    if !is_in_order {
        modules.sort_by_key(|module| natural(&module.name));
    }
    let (mut linears, mut norms) = (Vec::<Linear>::new(), Vec::new());
    for Module { name, roles } in modules {
        match roles {
            [weight, bias, Some(mean), Some(variance), _] => {
                norms.push((linears.len(), Norm { name, mean, variance, weight, bias }));
            }
            [Some(weight), bias, None, None, _] if parameters[weight].shape.len() > 1 => {
                linears.push(Linear { name, weight, bias, norm: None });
            }
            // Counts of batches alone, of a normalisation without running statistics.
            [None, None, None, None, _] => {}
            _ => {
                let info = parameters[roles.into_iter().flatten().next().unwrap_or(0)];
                let (parameter, shape) = (info.name.clone(), info.shape[..].into());
                return Err(Error::Layer { parameter, shape });
            }
        }
    }
    for (place, norm) in norms {
        let before = place.checked_sub(1).filter(|_| is_in_order);
        attach(parameters, &mut linears, norm, before)?;
    }
    Ok(linears)
}

/// Gives a batch normalisation to the layer that it follows: by their names, otherwise to the layer `before`.
fn attach(
    parameters: &[&ParameterInfo],
    linears: &mut [Linear],
    norm: Norm,
    before: Option<usize>,
) -> Result<()> {
    let features = parameters[norm.mean].shape.iter().product();
    let failed = |problem: String| {
        Err(Error::BatchNorm { parameter: parameters[norm.mean].name.clone(), features, problem })
    };
    let named = linears.iter().position(|linear| is_followed_by(&linear.name, &norm.name));
    let Some(linear) = named.or(before).map(|index| &mut linears[index]) else {
        let known = "no layer stands before it, or its name does not say which";
        return failed(known.to_owned());
    };
    if is_list_with_gap(&linear.name, &norm.name) {
        return failed(format!(
            "a layer without parameters stands between `{}` and it",
            linear.name
        ));
    }
    if let Some(other) = &linear.norm {
        return failed(format!("`{}` already has `{}`", linear.name, other.name));
    }
    let outputs = parameters[linear.weight].shape[0];
    if outputs != features {
        return failed(format!("`{}` before it has {outputs} outputs", linear.name));
    }
    linear.norm = Some(norm);
    Ok(())
}

/// A module's name in parts: `a.conv` and 1 of `a.conv1`.
#[derive(PartialEq, Eq)]
struct ModuleName<'a> {
    parent: &'a str,
    word: &'a str,
    number: Option<u32>,
}

impl<'a> ModuleName<'a> {
    fn new(name: &'a str) -> Self {
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        let word = last.trim_end_matches(|c: char| c.is_ascii_digit());
        Self { parent, word, number: last[word.len()..].parse().ok() }
    }

    /// True for an entry of a list of modules: `a.3`.
    const fn is_entry(&self) -> bool {
        self.word.is_empty() && self.number.is_some()
    }
}

/// True for `conv1` and `bn1` or `3` and `4` in the same parent.
fn is_followed_by(linear: &str, norm: &str) -> bool {
    let (linear, norm) = (ModuleName::new(linear), ModuleName::new(norm));
    linear.parent == norm.parent
        && match (linear.is_entry(), norm.is_entry()) {
            (true, true) => linear.number.and_then(|number| number.checked_add(1)) == norm.number,
            (false, false) => linear.number == norm.number,
            _ => false,
        }
}

/// True if both are entries of one list, but not neighbours: an activation may stand between them.
fn is_list_with_gap(linear: &str, norm: &str) -> bool {
    let (first, second) = (ModuleName::new(linear), ModuleName::new(norm));
    first.parent == second.parent
        && first.is_entry()
        && second.is_entry()
        && !is_followed_by(linear, norm)
}

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Digits: leading zeros dropped, and their number, so that longer is larger.
    Number(usize, String),
    Text(String),
}

/// A name in parts, whose order is the natural one: 2 before 10.
pub(super) fn natural(name: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        let digits = part.trim_start_matches('0');
        parts.push(if is_digit {
            Part::Number(digits.len(), digits.to_owned())
        } else {
            Part::Text(part.to_owned())
        });
        rest = behind;
    }
    parts
}

/// True if names differ in their numbers only.
pub(super) fn is_numbered(first: &str, second: &str) -> bool {
    let texts = |name| -> Vec<Part> {
        let is_text = |part: &Part| matches!(part, Part::Text(_));
        natural(name).into_iter().filter(is_text).collect()
    };
    texts(first) == texts(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split() {
        let module = |name| split(name).map(|(module, _)| module);
        assert_eq!(module("module.fc1.weight"), Some("module.fc1"));
        assert_eq!(module("fc1_bias"), Some("fc1"));
        assert_eq!(module("bias"), Some(""));
        assert_eq!(module("1.num_batches_tracked"), Some("1"));
        assert_eq!(module("fc.weight_g"), None);
        assert_eq!(module("overweight"), None);
    }

    #[test]
    fn natural_order() {
        assert!(natural("layers.9.weight") < natural("layers.10.weight"));
        assert!(natural("fc2") < natural("fc10"));
        assert!(is_numbered("a.1.b2", "a.13.b4") && !is_numbered("a.1", "b.1"));
    }

    #[test]
    fn normalisations_follow_layers_by_name() {
        for (linear, norm) in [("0", "1"), ("a.conv2", "a.bn2"), ("conv", "norm"), ("f.9", "f.10")]
        {
            assert!(is_followed_by(linear, norm), "{linear} {norm}");
        }
        for (linear, norm) in [("0", "2"), ("a.conv2", "b.bn2"), ("conv1", "bn2"), ("1", "bn1")] {
            assert!(!is_followed_by(linear, norm), "{linear} {norm}");
        }
    }
}
