//! Operators that change the shape of a value, but not the order of its numbers in memory.

use super::{chain::Chain, proto::Node};
use crate::Result;

impl<'a> Chain<'a, '_> {
    /// Numbers of the value, per sample.
    pub(super) fn numbers(&self) -> usize {
        self.dims.iter().product()
    }

    /// An axis counted from 0, the samples' axis included, of `rank` axes.
    fn axis(axis: i64, rank: usize) -> Option<usize> {
        let axis = if axis < 0 { axis.checked_add_unsigned(rank as u64)? } else { axis };
        usize::try_from(axis).ok().filter(|&axis| axis < rank)
    }

    /// The axes of a node: an input since version 13 of the operators, an attribute before.
    pub(super) fn axes(&self, node: &Node, rank: usize) -> Result<Option<Vec<usize>>> {
        let given = match node.given(1) {
            Some(name) => self.constants.integers(name)?,
            None => node.ints("axes").map(<[i64]>::to_vec),
        };
        if given.is_none() && node.given(1).is_some() {
            return Err(self.graph.error(node, "its axes are not constant"));
        }
        let Some(given) = given else { return Ok(None) };
        let axes: Option<Vec<usize>> = given.iter().map(|&axis| Self::axis(axis, rank)).collect();
        let mut axes = axes.ok_or_else(|| self.graph.error(node, "its axes do not exist"))?;
        axes.sort_unstable();
        Ok(Some(axes))
    }

    pub(super) fn flatten(&mut self, node: &Node) -> Result<()> {
        let rank = self.dims.len() + 1;
        if Self::axis(node.int("axis", 1), rank) != Some(1) {
            return Err(self.graph.error(node, "it does not keep samples apart; use axis = 1"));
        }
        self.dims = vec![self.numbers()];
        Ok(())
    }

    pub(super) fn reshape(&mut self, node: &'a Node) -> Result<()> {
        let failed = |problem: &str| Err(self.graph.error(node, problem));
        let Some(name) = node.given(1) else { return failed("it has no shape") };
        let target = match self.constants.integers(name)? {
            Some(target) => Some(target.into_iter().map(Some).collect()),
            None => self.computed(name, 0)?,
        };
        let Some(target) = target else {
            return failed("its shape is computed in another way than from the number of samples");
        };
        let [samples, rest @ ..] = &target[..] else { return failed("its shape is empty") };
        // The number of samples: computed, kept, inferred, or fixed when the model was exported.
        if samples.is_some_and(|samples| samples < -1) || rest.is_empty() {
            return failed("it does not keep samples apart");
        }
        let is_zero_kept = node.int("allowzero", 0) == 0;
        let Some((mut dims, inferred)) = self.extents(rest, is_zero_kept) else {
            return failed("its shape is not fixed");
        };
        let known = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim));
        let numbers = self.numbers();
        match (known, inferred) {
            (Some(known), Some(axis)) if numbers.is_multiple_of(known) && *samples != Some(-1) => {
                dims[axis] = numbers / known;
            }
            (Some(known), None) if known == numbers => {}
            _ => return failed("its shape has another number of elements per sample"),
        }
        self.dims = dims;
        Ok(())
    }

    /// Extents of a new shape without the samples' axis, and the axis whose extent, 1 here, follows from the others.
    fn extents(
        &self,
        target: &[Option<i64>],
        is_zero_kept: bool,
    ) -> Option<(Vec<usize>, Option<usize>)> {
        let mut inferred = None;
        let dims = target.iter().enumerate().map(|(axis, &dim)| match dim? {
            -1 if inferred.is_none() => {
                inferred = Some(axis);
                Some(1)
            }
            0 if is_zero_kept => self.dims.get(axis).copied(),
            dim => usize::try_from(dim).ok().filter(|&dim| dim > 0),
        });
        let dims = dims.collect::<Option<Vec<usize>>>()?;
        Some((dims, inferred))
    }

    /// A list of extents that is computed in the graph: numbers where they are constant.
    fn computed(&self, name: &str, depth: usize) -> Result<Option<Vec<Option<i64>>>> {
        const DEEPEST: usize = 8;
        if let Some(constant) = self.constants.integers(name)? {
            return Ok(Some(constant.into_iter().map(Some).collect()));
        }
        let Some(node) = self.graph.shape_node(name).filter(|_| depth < DEEPEST) else {
            return Ok(None);
        };
        let is = |index: usize, number: i64| {
            let given = node.given(index).map_or(Ok(None), |name| self.constants.integers(name));
            given.map(|given| given.is_some_and(|given| given == [number]))
        };
        let of_shape = node.given(0).and_then(|input| self.graph.shape_node(input));
        let is_of_shape =
            of_shape.is_some_and(|node| node.op_type == "Shape" && node.attribute.is_empty());
        match node.op_type.as_str() {
            // The number of samples.
            "Shape" if node.int("start", 0) == 0 && node.int("end", 0) == 1 => Ok(Some(vec![None])),
            "Gather" if is_of_shape && is(1, 0)? => Ok(Some(vec![None])),
            "Slice" if is_of_shape && is(1, 0)? && is(2, 1)? => Ok(Some(vec![None])),
            "Unsqueeze" | "Cast" | "Squeeze" => match node.given(0) {
                Some(input) => self.computed(input, depth + 1),
                None => Ok(None),
            },
            "Concat" => {
                let mut all = Vec::new();
                for input in node.input.iter().take(DEEPEST) {
                    let Some(part) = self.computed(input, depth + 1)? else { return Ok(None) };
                    all.extend(part);
                }
                Ok(Some(all))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn squeeze(&mut self, node: &Node) -> Result<()> {
        let axes = self.axes(node, self.dims.len() + 1)?;
        let is_dropped = |index: usize, dim: usize| match &axes {
            Some(axes) => axes.contains(&(index + 1)),
            None => dim == 1,
        };
        let all = self.dims.iter().copied().enumerate();
        let (dropped, kept): (Vec<_>, Vec<_>) =
            all.partition(|&(index, dim)| is_dropped(index, dim));
        let has_samples = axes.as_ref().is_some_and(|axes| axes.contains(&0));
        if has_samples || dropped.iter().any(|&(_, dim)| dim != 1) {
            return Err(self.graph.error(node, "it drops an axis that is not of size 1"));
        }
        self.dims = kept.into_iter().map(|(_, dim)| dim).collect();
        if self.dims.is_empty() {
            self.dims = vec![1];
        }
        Ok(())
    }

    pub(super) fn unsqueeze(&mut self, node: &Node) -> Result<()> {
        let added = node.given(1).map_or(Ok(None), |name| self.constants.integers(name))?;
        let count =
            added.map_or_else(|| node.ints("axes").map_or(0, <[i64]>::len), |axes| axes.len());
        let axes = self.axes(node, self.dims.len() + 1 + count)?.unwrap_or_default();
        if axes.contains(&0) || axes.len() != count {
            return Err(self
                .graph
                .error(node, "it moves the samples' axis, or its axes are not constant"));
        }
        for axis in axes {
            self.dims.insert((axis - 1).min(self.dims.len()), 1);
        }
        Ok(())
    }

    /// A transposition that moves axes of size 1 only.
    pub(super) fn transpose(&mut self, node: &Node) -> Result<()> {
        let rank = self.dims.len() + 1;
        let backwards: Vec<i64> = (0..rank as i64).rev().collect();
        let order = node.ints("perm").unwrap_or(&backwards);
        let order: Option<Vec<usize>> = order.iter().map(|&axis| Self::axis(axis, rank)).collect();
        let order =
            order.filter(|order| order.len() == rank && (0..rank).all(|a| order.contains(&a)));
        let Some(order) = order else {
            return Err(self.graph.error(node, "it has an impossible order of axes"));
        };
        let is_long = |axis: &usize| *axis == 0 || self.dims[axis - 1] > 1;
        let long: Vec<usize> = order.iter().copied().filter(is_long).collect();
        if order[0] != 0 || !long.is_sorted() {
            return Err(self.graph.error(
                node,
                "it changes the order of numbers; export the model with channels first (NCHW)",
            ));
        }
        self.dims = order[1..].iter().map(|&axis| self.dims[axis - 1]).collect();
        Ok(())
    }
}
