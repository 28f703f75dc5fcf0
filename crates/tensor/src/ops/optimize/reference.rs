use super::{HostStep, Optimizer, adagrad_rate, optimize_on_host};
use crate::{Optimize, Reference};

impl Optimize for Reference {
    optimize_on_host!(take_step);
}

/// Takes a step with slices of the same length.
fn take_step(
    step: &HostStep,
    parameters: &mut [f32],
    gradient: &[f32],
    [first, second]: [&mut [f32]; 2],
) {
    let moments = first.iter_mut().zip(second).map(<[&mut f32; 2]>::from);
    for ((parameter, &gradient), moments) in parameters.iter_mut().zip(gradient).zip(moments) {
        let w = f64::from(*parameter);
        let gradient = f64::from(gradient) + f64::from(step.optimizer.weight_decay()) * w;
        *parameter = (w - change(step, gradient, moments)) as f32;
    }
}

/// Difference by which one step of the optimiser lowers a parameter.
fn change(step: &HostStep, gradient: f64, [first, second]: [&mut f32; 2]) -> f64 {
    match step.optimizer {
        Optimizer::Sgd { lr, momentum, .. } => {
            let velocity = f64::from(momentum) * f64::from(*first) + gradient;
            if momentum != 0.0 {
                *first = velocity as f32;
            }
            f64::from(lr) * velocity
        }
        Optimizer::RmsProp { lr, alpha, eps, .. } => {
            let alpha = f64::from(alpha);
            let v = alpha * f64::from(*second) + (1.0 - alpha) * gradient * gradient;
            *second = v as f32;
            f64::from(lr) * gradient / (v.sqrt() + f64::from(eps))
        }
        Optimizer::Adagrad { lr, lr_decay, eps, .. } => {
            let v = f64::from(*second) + gradient * gradient;
            *second = v as f32;
            adagrad_rate(lr, lr_decay, step.number) * gradient / (v.sqrt() + f64::from(eps))
        }
        Optimizer::Adam { lr, beta1, beta2, eps, .. } => {
            let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
            let m = beta1 * f64::from(*first) + (1.0 - beta1) * gradient;
            let v = beta2 * f64::from(*second) + (1.0 - beta2) * gradient * gradient;
            (*first, *second) = (m as f32, v as f32);
            let m_hat = m / (1.0 - beta1.powf(step.number as f64));
            let v_hat = v / (1.0 - beta2.powf(step.number as f64));
            f64::from(lr) * m_hat / (v_hat.sqrt() + f64::from(eps))
        }
    }
}
