//! The stages of a network as a table.

use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, Initialisation, Layer, LayerVariances, PoolKind,
    ResidualLayer, Window,
};
use isobath_experiment::Variant;
use serde_json::{Value, json};

use super::meanfield::short;

/// Equal stages that follow each other.
struct Row {
    /// Number of the first, counted from 1; `None` for stages of the readout.
    first: Option<usize>,
    count: usize,
    /// Kind and settings.
    kind: String,
    output: String,
    parameters: usize,
    flops: u64,
    activation: String,
    /// Variances of the layers with weights; empty if the grid has them.
    variances: Vec<LayerVariances>,
}

/// The table of a network's stages, one line for equal ones.
pub(super) fn lines(variant: &Variant) -> Vec<String> {
    let rows = rows(variant);
    let has_variances = rows.iter().any(|row| !row.variances.is_empty());
    let heads = ["stage", "layer", "output", "parameters", "FLOP/sample", "activation"];
    let heads: Vec<&str> =
        heads.into_iter().chain(has_variances.then_some("sigma_w2, sigma_b2")).collect();
    let head: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let shapes = variant.network.shapes();
    let mut input = vec![String::new(); heads.len()];
    "input".clone_into(&mut input[0]);
    input[2] = shapes[0].to_string();
    let cells = |row: &Row| row.cells().into_iter().take(heads.len()).collect::<Vec<_>>();
    let table: Vec<Vec<String>> = [head, input].into_iter().chain(rows.iter().map(cells)).collect();
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..heads.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            let is_number = matches!(column, 3 | 4);
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.iter().map(line).collect()
}

/// The stages of a network, one entry for equal ones.
pub(super) fn json(variant: &Variant) -> Value {
    let row = |row: Row| {
        let is_readout = row.first.is_none();
        json!({
            "first": row.first, "count": row.count, "readout": is_readout, "layer": row.kind,
            "output": row.output, "parameters": row.parameters, "flops": row.flops,
            "activation": row.activation, "variances": row.variances,
        })
    };
    rows(variant).into_iter().map(row).collect()
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let stage = match (self.first, self.count) {
            (None, _) => "readout".to_owned(),
            (Some(first), 1) => first.to_string(),
            (Some(first), count) => format!("{first} to {}", first + count - 1),
        };
        let times = if self.count > 1 { format!(" (x {})", self.count) } else { String::new() };
        let variances = self
            .variances
            .iter()
            .map(|found| format!("{}, {}", short(found.sigma_w2), short(found.sigma_b2)));
        vec![
            stage,
            format!("{}{times}", self.kind),
            self.output.clone(),
            self.parameters.to_string(),
            self.flops.to_string(),
            self.activation.clone(),
            variances.collect::<Vec<_>>().join("; "),
        ]
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.kind, &self.output, self.parameters, self.flops, &self.activation, &self.variances)
            == (
                &other.kind,
                &other.output,
                other.parameters,
                other.flops,
                &other.activation,
                &other.variances,
            )
            && self.first.is_some() == other.first.is_some()
    }
}

fn rows(variant: &Variant) -> Vec<Row> {
    let layers = variant.network.layers();
    let profile = layers.len() - variant.network.readout_layers();
    let mut rows: Vec<Row> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let row = Row {
            first: (index < profile).then_some(index + 1),
            count: 1,
            kind: kind(layer),
            output: layer.output_shape().to_string(),
            parameters: layer.parameters(),
            flops: layer.forward_flops(),
            activation: activation(layer),
            variances: variances(variant, layer, index),
        };
        match rows.last_mut() {
            Some(last) if last.is_like(&row) => last.count += 1,
            _ => rows.push(row),
        }
    }
    rows
}

/// Variances by a scheme with a scale of its own, of each layer with weights.
fn variances(variant: &Variant, layer: &Layer, index: usize) -> Vec<LayerVariances> {
    if variant.scheme.uses_grid() {
        return Vec::new();
    }
    let scheme = Initialisation::Scheme(variant.scheme.clone());
    let of = |layer: &Layer| scheme.variances(layer, index);
    let mut found: Vec<LayerVariances> = match layer {
        Layer::Dense(_) | Layer::Conv2d(_) => vec![of(layer)],
        Layer::Pool(_) => Vec::new(),
        Layer::Residual(block) => {
            block.branch.iter().filter(|layer| layer.weight_layers() > 0).map(of).collect()
        }
    };
    found.dedup();
    found
}

/// Kind, settings and activation of a layer: `conv 3x3/2 pad 1, relu`.
pub(super) fn name(layer: &Layer) -> String {
    match activation(layer) {
        activation if activation.is_empty() => kind(layer),
        activation => format!("{}, {activation}", kind(layer)),
    }
}

/// Kind and settings of a layer: `conv 3x3/2 pad 1 circular`.
fn kind(layer: &Layer) -> String {
    match layer {
        Layer::Dense(_) => "dense".to_owned(),
        Layer::Conv2d(conv) if conv.input.is_flat() && !conv.bias => {
            "dense without bias".to_owned()
        }
        Layer::Conv2d(conv) => conv_kind(conv),
        Layer::Pool(pool) => {
            let name = match pool.kind {
                PoolKind::Max => "max pool",
                PoolKind::Average => "average pool",
            };
            let ceil = if pool.ceil { " ceil" } else { "" };
            format!("{name} {}{ceil}", window(&pool.window))
        }
        Layer::Residual(block) => block_kind(block),
    }
}

fn conv_kind(conv: &Conv2dLayer) -> String {
    let boundary = match conv.boundary {
        Boundary::Circular if conv.window.padding != [0; 2] => " circular",
        Boundary::Circular | Boundary::Zero => "",
    };
    let wrap = match conv.wrap_after {
        0 => String::new(),
        pixels => format!(" wrap {pixels}"),
    };
    let bias = if conv.bias { "" } else { " without bias" };
    format!("conv {}{boundary}{wrap}{bias}", window(&conv.window))
}

/// `residual x + (conv 3x3 pad 1 tanh, conv 3x3 pad 1)`
fn block_kind(ResidualLayer { branch, .. }: &ResidualLayer) -> String {
    let inner = branch.iter().map(|layer| match activation(layer) {
        name if name.is_empty() || name == Activation::Linear.name() => kind(layer),
        name => format!("{} {name}", kind(layer)),
    });
    format!("residual x + ({})", inner.collect::<Vec<_>>().join(", "))
}

/// `3x3/2 pad 1`
fn window(Window { kernel, stride, padding }: &Window) -> String {
    let pair = |[a, b]: [usize; 2]| if a == b { a.to_string() } else { format!("{a}x{b}") };
    let stride = if *stride == [1; 2] { String::new() } else { format!("/{}", pair(*stride)) };
    let padding =
        if *padding == [0; 2] { String::new() } else { format!(" pad {}", pair(*padding)) };
    format!("{}x{}{stride}{padding}", kernel[0], kernel[1])
}

fn activation(layer: &Layer) -> String {
    match layer {
        Layer::Dense(layer) => layer.activation.to_string(),
        Layer::Conv2d(layer) => layer.activation.to_string(),
        Layer::Pool(_) => String::new(),
        Layer::Residual(ResidualLayer { before, after, .. }) => {
            let before = before.map(|phi| format!("{phi} before the branch"));
            let after = after.map(|phi| format!("{phi} of the sum"));
            before.into_iter().chain(after).collect::<Vec<_>>().join(", ")
        }
    }
}
