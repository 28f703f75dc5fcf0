use rayon::prelude::*;

mod columns;

use self::columns::DenseStep;
use super::{
    HostStep, Optimizer, adagrad_rate, backward_product, optimize_on_host, propagate_then_descend,
};
use crate::{BatchedGemm, BatchedGemmConfig, Cpu, HostBuffer, Optimize, Precision, Result};

impl Optimize for Cpu {
    optimize_on_host!(take_step);

    fn propagate_and_descend(
        &self,
        step: &HostStep,
        config: BatchedGemmConfig,
        scale: f32,
        factors @ [delta, x]: [&HostBuffer<f32>; 2],
        [weights, input_delta]: [&mut HostBuffer<f32>; 2],
    ) -> Result<()> {
        let product = config.product;
        let is_units_major = !product.transpose_a && product.transpose_b && !config.shares_b;
        if product.precision != Precision::F32 || !is_units_major {
            let results = [weights, input_delta];
            return propagate_then_descend(self, step, config, scale, factors, results);
        }
        self.check_batched_gemm(&config, delta, x, weights)?;
        let backward = backward_product(config, scale);
        self.check_batched_gemm(&backward, weights, delta, input_delta)?;
        let dense = DenseStep {
            outputs: product.m,
            inputs: product.n,
            samples: product.k,
            scale,
            lr: step.optimizer.lr(),
        };
        let [of_delta, of_x, of_weights] = config.strides();
        for index in 0..config.count {
            let delta = &delta.as_slice()[index * of_delta..][..of_delta];
            let x = &x.as_slice()[index * of_x..][..of_x];
            let weights = &mut weights.as_mut_slice()[index * of_weights..][..of_weights];
            let input_delta = &mut input_delta.as_mut_slice()[index * of_x..][..of_x];
            dense.take(self.level(), [delta, x], [weights, input_delta]);
        }
        Ok(())
    }
}

/// Takes a step with slices of the same length.
fn take_step(
    step: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    [first, second]: [&mut [f32]; 2],
) {
    /// Parameters a task changes.
    const CHUNK: usize = 16 * 1024;
    let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
    let parameters = parameters.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
    parameters.zip(moments).for_each(|((parameters, gradient), (first, second))| {
        if step.optimizer.decays_weights() {
            step_with_decay(step, parameters, gradient, first, second);
        } else {
            step_slice(step, parameters, gradient, first, second);
        }
    });
}

/// As [`step_slice`], with the weight decay.
fn step_with_decay(
    step: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    /// Gradients at a time, in the nearest cache.
    const PIECE: usize = 1024;
    let weight_decay = step.optimizer.weight_decay();
    let moments = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
    let pieces = parameters.chunks_mut(PIECE).zip(gradient.chunks(PIECE)).zip(moments);
    let mut decayed = [0.0; PIECE];
    for ((parameters, gradient), (first, second)) in pieces {
        let decayed = &mut decayed[..parameters.len()];
        for ((sum, g), w) in decayed.iter_mut().zip(gradient).zip(&*parameters) {
            *sum = g + weight_decay * w;
        }
        step_slice(step, parameters, decayed, first, second);
    }
}

/// Steps as many parameters as the slices hold, without weight decay.
fn step_slice(
    &HostStep { optimizer, number }: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let moments = first.iter_mut().zip(second);
    let elements = parameters.iter_mut().zip(gradient).zip(moments);
    match optimizer {
        Optimizer::Sgd { lr, momentum: 0.0, .. } => elements.for_each(|((w, g), _)| *w -= lr * g),
        Optimizer::Sgd { lr, momentum, .. } => elements.for_each(|((w, g), (u, _))| {
            *u = momentum * *u + g;
            *w -= lr * *u;
        }),
        Optimizer::RmsProp { lr, alpha, eps, .. } => elements.for_each(|((w, g), (_, v))| {
            *v = alpha * *v + (1.0 - alpha) * (g * g);
            *w -= lr * g / (v.sqrt() + eps);
        }),
        Optimizer::Adagrad { lr, lr_decay, eps, .. } => {
            let lr = adagrad_rate(lr, lr_decay, number) as f32;
            elements.for_each(|((w, g), (_, v))| {
                *v += g * g;
                *w -= lr * g / (v.sqrt() + eps);
            });
        }
        Optimizer::Adam { lr, beta1, beta2, eps, .. } => {
            let power = |beta: f32| 1.0 - f64::from(beta).powf(number as f64);
            let step_size = (f64::from(lr) / power(beta1)) as f32;
            let scale = power(beta2).sqrt().recip() as f32;
            elements.for_each(|((w, g), (m, v))| {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * (g * g);
                *w -= step_size * *m / (v.sqrt() * scale + eps);
            });
        }
    }
}
