use isobath_architecture::{
    Activation, Boundary, Conv2dLayer, DenseLayer, Layer, PoolKind, PoolLayer, ResidualLayer, Shape,
};
use isobath_network::{Conv2dParameters, DenseParameters, LayerParameters};

use super::{at, each, value};

/// Output of a layer for one sample.
pub(crate) fn forward(layer: &Layer, parameters: &LayerParameters, x: &[f64]) -> Vec<f64> {
    match (layer, parameters) {
        (Layer::Dense(layer), LayerParameters::Dense(parameters)) => dense(layer, parameters, x),
        (Layer::Conv2d(layer), LayerParameters::Conv2d(parameters)) => conv(layer, parameters, x),
        (Layer::Pool(layer), _) => pool(layer, x),
        (Layer::Residual(layer), LayerParameters::Residual(branch)) => residual(layer, branch, x),
        _ => panic!("parameters of another kind"),
    }
}

fn dense(layer: &DenseLayer, parameters: &DenseParameters, x: &[f64]) -> Vec<f64> {
    let unit = |(row, &bias): (ndarray::ArrayView1<'_, f32>, &f32)| {
        let sum: f64 = row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
        value(layer.activation, sum + f64::from(bias))
    };
    parameters.weights.rows().into_iter().zip(&parameters.bias).map(unit).collect()
}

/// The pixel of an image beyond its border.
fn pixel(x: &[f64], shape: Shape, boundary: Boundary, channel: usize, place: [isize; 2]) -> f64 {
    let size = shape.size().map(usize::cast_signed);
    let is_inside = (0..2).all(|axis| (0..size[axis]).contains(&place[axis]));
    if boundary == Boundary::Zero && !is_inside {
        return 0.0;
    }
    let place = [0, 1].map(|axis| place[axis].rem_euclid(size[axis]).cast_unsigned());
    x[at(shape, channel, place)]
}

fn conv(layer: &Conv2dLayer, parameters: &Conv2dParameters, x: &[f64]) -> Vec<f64> {
    let (product, window, wrap) = (layer.product(), layer.window, layer.wrap_after);
    let mut y = vec![0.0; product.numbers()];
    for o in 0..product.channels {
        for place in each(product.size()) {
            let mut sum = parameters.bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
            for c in 0..layer.input.channels {
                for [u, v] in each(window.kernel) {
                    let beyond = [u, v];
                    let source = [0, 1].map(|axis| {
                        (window.stride[axis] * place[axis] + beyond[axis]).cast_signed()
                            - window.padding[axis].cast_signed()
                    });
                    let x = pixel(x, layer.input, layer.boundary, c, source);
                    sum += f64::from(parameters.weights[[o, c, u, v]]) * x;
                }
            }
            y[at(product, o, place)] = value(layer.activation, sum);
        }
    }
    let wrapped = |o| {
        let y = &y;
        each(layer.output().size()).map(move |place| {
            let source = place.map(|place| place.cast_signed() - wrap.cast_signed());
            pixel(y, product, Boundary::Circular, o, source)
        })
    };
    (0..product.channels).flat_map(wrapped).collect()
}

fn pool(layer: &PoolLayer, x: &[f64]) -> Vec<f64> {
    let (input, output, window) = (layer.input, layer.output(), layer.window);
    let mut y = vec![0.0; output.numbers()];
    for c in 0..output.channels {
        for place in each(output.size()) {
            let (mut largest, mut sum, mut count) = (f64::NEG_INFINITY, 0.0, 0);
            for beyond in each(window.kernel) {
                let source = [0, 1].map(|axis| {
                    (window.stride[axis] * place[axis] + beyond[axis]).cast_signed()
                        - window.padding[axis].cast_signed()
                });
                let within = |extra: usize| {
                    (0..2).all(|axis| {
                        let extra = extra * window.padding[axis];
                        let size = (input.size()[axis] + extra).cast_signed();
                        (-extra.cast_signed()..size).contains(&source[axis])
                    })
                };
                count += usize::from(within(1));
                if within(0) {
                    let x = x[at(input, c, source.map(isize::cast_unsigned))];
                    largest = largest.max(x);
                    sum += x;
                }
            }
            y[at(output, c, place)] = match layer.kind {
                PoolKind::Max => largest,
                PoolKind::Average => sum / count as f64,
            };
        }
    }
    y
}

fn residual(layer: &ResidualLayer, branch: &[LayerParameters], x: &[f64]) -> Vec<f64> {
    let of =
        |function: Option<Activation>, z: f64| value(function.unwrap_or(Activation::Linear), z);
    let start: Vec<f64> = x.iter().map(|&x| of(layer.before, x)).collect();
    let layers = layer.branch.iter().zip(branch);
    let y = layers.fold(start, |h, (layer, parameters)| forward(layer, parameters, &h));
    x.iter().zip(y).map(|(x, y)| of(layer.after, x + y)).collect()
}
