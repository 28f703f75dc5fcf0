//! Functions of single numbers, as one operator or as a formula of several.
//!
//! A formula is recognised by its values: `x * 0.5 * (1 + erf(x / 1.4142))` is GELU in whatever order its factors come,
//! and so are a softplus that is linear for large numbers or SiLU as `x / (1 + exp(-x))`.

use isobath_architecture::Activation;
use isobath_tensor::activation_value as value;
use libm::{exp, expm1, log, pow, sqrt, tanh};

use super::{constants::Constants, graph::Graph, proto::Node};
use crate::Result;

/// Arguments at which functions are compared.
const POINTS: [f64; 19] = [
    -30.0, -8.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.6, -0.2, 0.0, 0.1, 0.4, 0.8, 1.2, 2.0, 3.0, 4.0,
    8.0, 30.0,
];
/// Places of 0 and -1 among the points.
const ZERO: usize = 9;
const MINUS_ONE: usize = 6;
/// Most nodes of a formula.
const MOST_NODES: usize = 32;

/// Values at the points.
type Values = [f64; POINTS.len()];

/// A function of a value of the graph.
pub(super) struct Found<'a> {
    pub(super) function: Function,
    /// Name of the result.
    pub(super) output: &'a str,
}

/// A function of single numbers.
pub(super) enum Function {
    Activation(Activation),
    /// `scale x + shift`
    Affine {
        scale: f64,
        shift: f64,
    },
}

/// The function of `value` that its users compute, if all of them are part of one.
///
/// # Errors
/// When it is none of Isobath's.
pub(super) fn find<'a>(
    graph: &Graph<'a>,
    constants: &Constants<'_>,
    value: &'a str,
    users: &[usize],
) -> Result<Option<Found<'a>>> {
    let mut formula = Formula { nodes: Vec::new(), values: vec![(value, POINTS)] };
    let mut unknown = None;
    while formula.nodes.len() < MOST_NODES {
        let Some((index, values)) = formula.next(graph, constants, users)? else { break };
        let node = graph.node(index);
        formula.nodes.push(index);
        formula.values.push((&node.output[0], values));
        if !formula.is_closed(graph, users) {
            continue;
        }
        if let Some(function) = recognise(&values) {
            return Ok(Some(Found { function, output: &node.output[0] }));
        }
        unknown.get_or_insert(formula.nodes[0]);
    }
    match unknown {
        None => Ok(None),
        Some(first) => Err(graph.error(
            graph.node(first),
            "the function that starts here is none of the activations that Isobath has, such as ReLU, tanh or GELU (without the tanh approximation)",
        )),
    }
}

/// Nodes that compute with one value and numbers.
struct Formula<'a> {
    nodes: Vec<usize>,
    values: Vec<(&'a str, Values)>,
}

impl<'a> Formula<'a> {
    /// The first node that is not yet part of the formula and all of whose inputs are.
    fn next(
        &self,
        graph: &Graph<'a>,
        constants: &Constants<'_>,
        users: &[usize],
    ) -> Result<Option<(usize, Values)>> {
        let mut candidates: Vec<usize> = users.to_vec();
        for (name, _) in &self.values[1..] {
            candidates.extend(graph.users(name));
        }
        candidates.sort_unstable();
        candidates.dedup();
        for index in candidates.into_iter().filter(|index| !self.nodes.contains(index)) {
            if let Some(values) = self.evaluate(graph.node(index), constants)? {
                return Ok(Some((index, values)));
            }
        }
        Ok(None)
    }

    /// True if nothing but the last value is used outside.
    fn is_closed(&self, graph: &Graph<'_>, users: &[usize]) -> bool {
        let is_inside = |users: &[usize]| users.iter().all(|user| self.nodes.contains(user));
        let inner = &self.values[1..self.values.len() - 1];
        is_inside(users)
            && inner.iter().all(|(name, _)| *name != graph.output && is_inside(graph.users(name)))
    }

    /// Values of a node's output, if it is a known function of values of the formula and numbers.
    fn evaluate(&self, node: &Node, constants: &Constants<'_>) -> Result<Option<Values>> {
        let mut inputs = Vec::new();
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            let known = self.values.iter().find(|(known, _)| known == name);
            match known {
                Some((_, values)) => inputs.push(*values),
                None => match constants.scalar(name)? {
                    Some(value) => inputs.push([value; POINTS.len()]),
                    None => return Ok(None),
                },
            }
        }
        let is_known = matches!(&*node.domain, "" | "ai.onnx") && node.output.len() == 1
            || node.op_type == "Dropout";
        Ok(operation(node).filter(|_| is_known).and_then(|operation| operation.apply(&inputs)))
    }
}

/// An operator.
enum Operation {
    One(Box<dyn Fn(f64) -> f64>),
    Two(fn(f64, f64) -> f64),
    Three(fn(f64, f64, f64) -> f64),
    /// The first input, whatever the others.
    First,
}

impl Operation {
    fn apply(&self, inputs: &[Values]) -> Option<Values> {
        Some(match (self, inputs) {
            (Self::One(f), [x]) => x.map(f),
            (Self::Two(f), [x, y]) => std::array::from_fn(|i| f(x[i], y[i])),
            (Self::Three(f), [x, y, z]) => std::array::from_fn(|i| f(x[i], y[i], z[i])),
            (Self::First, [x, ..]) => *x,
            _ => return None,
        })
    }
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// The operator of a node, if it is one of single numbers.
fn operation(node: &Node) -> Option<Operation> {
    let one = |f: fn(f64) -> f64| Some(Operation::One(Box::new(f)));
    let of = |activation| Some(Operation::One(Box::new(move |x| value(activation, x))));
    match node.op_type.as_str() {
        "Identity" | "Dropout" | "Cast" => Some(Operation::First),
        "Relu" => of(Activation::Relu),
        "Tanh" => of(Activation::Tanh),
        "Sigmoid" => of(Activation::Sigmoid),
        "Softplus" => of(Activation::Softplus),
        "Erf" => of(Activation::Erf),
        "Sin" => of(Activation::Sine),
        "Gelu" if matches!(node.text("approximate"), "" | "none") => of(Activation::Gelu),
        "Gelu" => {
            one(|x| 0.5 * x * (1.0 + tanh(0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x))))
        }
        "Exp" => one(exp),
        "Log" => one(log),
        "Sqrt" => one(sqrt),
        "Neg" => one(|x| -x),
        "Abs" => one(f64::abs),
        "Reciprocal" => one(|x| 1.0 / x),
        _ => with_settings(node).or_else(|| of_several(node)),
    }
}

/// The operator of a node with one input and settings.
fn with_settings(node: &Node) -> Option<Operation> {
    let alpha = |default| node.float("alpha", default);
    Some(Operation::One(match node.op_type.as_str() {
        "LeakyRelu" => {
            let slope = alpha(0.01);
            Box::new(move |x| value(Activation::LeakyRelu { slope }, x))
        }
        "Swish" => {
            let alpha = alpha(1.0);
            Box::new(move |x| x / (1.0 + exp(-alpha * x)))
        }
        "Elu" => {
            let alpha = alpha(1.0);
            Box::new(move |x| if x > 0.0 { x } else { alpha * expm1(x) })
        }
        "Selu" => {
            let (alpha, gamma) = (alpha(SELU[0] as f32), node.float("gamma", SELU[1] as f32));
            Box::new(move |x| gamma * if x > 0.0 { x } else { alpha * expm1(x) })
        }
        "Clip" if node.input.len() == 1 => {
            let (low, high) = (node.float("min", f32::MIN), node.float("max", f32::MAX));
            Box::new(move |x| x.max(low).min(high))
        }
        _ => return None,
    }))
}

/// The operator of a node with several inputs.
fn of_several(node: &Node) -> Option<Operation> {
    let two = |f| Some(Operation::Two(f));
    match node.op_type.as_str() {
        "Add" | "Sum" => two(|x, y| x + y),
        "Sub" => two(|x, y| x - y),
        "Mul" => two(|x, y| x * y),
        "Div" => two(|x, y| x / y),
        "Pow" => two(pow),
        "Max" => two(f64::max),
        "Min" => two(f64::min),
        "PRelu" => two(|x, slope| if x > 0.0 { x } else { slope * x }),
        "Greater" => two(|x, y| truth(x > y)),
        "GreaterOrEqual" => two(|x, y| truth(x >= y)),
        "Less" => two(|x, y| truth(x < y)),
        "LessOrEqual" => two(|x, y| truth(x <= y)),
        "Where" => Some(Operation::Three(|test, x, y| if test > 0.5 { x } else { y })),
        "Clip" => Some(Operation::Three(|x, low, high| x.max(low).min(high))),
        _ => None,
    }
}

/// `alpha` and `gamma` of SELU, the operator's defaults.
const SELU: [f64; 2] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5];

/// The function that has these values.
fn recognise(values: &Values) -> Option<Function> {
    let is_equal = |f: &dyn Fn(f64) -> f64| {
        POINTS.iter().zip(values).all(|(&x, &y)| {
            let expected = f(x);
            (y - expected).abs() <= 1e-5 * (1.0 + expected.abs())
        })
    };
    let shift = values[ZERO];
    let scale = (values[POINTS.len() - 1] - values[0]) / 60.0;
    if is_equal(&|x| scale * x + shift) {
        return Some(Function::Affine { scale, shift });
    }
    // The slope to the number of digits that f32 has.
    let slope = (-values[MINUS_ONE] as f32).to_string().parse().unwrap_or(0.0);
    let known = Activation::ALL.into_iter().map(|activation| match activation {
        Activation::LeakyRelu { .. } => Activation::LeakyRelu { slope },
        other => other,
    });
    let found = known.into_iter().find(|&activation| is_equal(&|x| value(activation, x)));
    found.map(Function::Activation)
}

#[cfg(test)]
mod tests {
    use libm::log1p;

    use super::*;

    #[test]
    fn every_activation_is_recognised_by_its_values() {
        for activation in Activation::ALL {
            match recognise(&POINTS.map(|x| value(activation, x))) {
                Some(Function::Activation(found)) => assert_eq!(found, activation),
                Some(Function::Affine { scale, shift }) => {
                    assert_eq!((activation, scale, shift), (Activation::Linear, 1.0, 0.0));
                }
                None => panic!("{activation}"),
            }
        }
    }

    #[test]
    fn similar_functions_are_not_confused() {
        assert!(recognise(&POINTS.map(|x| x * tanh(log1p(exp(x))))).is_none(), "mish");
        assert!(recognise(&POINTS.map(|x| x.clamp(0.0, 6.0))).is_none(), "relu6");
        let approximate =
            |x: f64| 0.5 * x * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)));
        assert!(recognise(&POINTS.map(approximate)).is_none(), "gelu by tanh");
        assert!(recognise(&[f64::NAN; POINTS.len()]).is_none());
    }
}
